"""Says what a node has: versions, modules, files, variables, room on its disk.

Sent to each node as text and run by the Python there, because the package itself may be missing. So it imports nothing
but the standard library. Its argument is the question and its last line the answer, both JSON (`nodes.py`).
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

LOAD = """
import hashlib, importlib, importlib.util, pathlib, sys
sys.path[:] = [folder for folder in sys.path if folder]
name = sys.argv[1]
if name.endswith(".py"):
    spec = importlib.util.spec_from_file_location(pathlib.Path(name).stem, name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
else:
    module = importlib.import_module(name)
file = pathlib.Path(module.__file__)
files = sorted(file.parent.rglob("*.py")) if hasattr(module, "__path__") else [file]
digest = hashlib.sha256()
for each in files:
    digest.update(each.relative_to(file.parent).as_posix().encode() + each.read_bytes())
print("\\nloaded " + digest.hexdigest())
"""
"""A child's program: import a module, by name or by file, and print a hash of its source, of a package all of it."""


def first_version(names: list[str]) -> str | None:
    """Of several names of one thing, that of the first that is installed."""
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None


def loaded(name: str, seconds: float) -> dict[str, str]:
    """`digest` of a module's source, or the `error` that importing it ends with. A child imports it."""
    command = [sys.executable, "-c", LOAD, name]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return {"digest": "", "error": f"importing it takes more than {seconds:g} s"}
    said = [line for line in done.stdout.decode(errors="replace").splitlines() if line.startswith("loaded ")]
    if done.returncode == 0 and said:
        return {"digest": said[-1].removeprefix("loaded "), "error": ""}
    complaint = done.stderr.decode(errors="replace").strip().splitlines()
    return {"digest": "", "error": complaint[-1] if complaint else "importing it ends the process"}


def free_bytes(folder: str) -> int:
    """Room on the disk where the folder is, or would be made."""
    path = Path(folder).absolute()
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def report(question: dict[str, Any]) -> dict[str, Any]:
    """The answer."""
    return {
        "python": platform.python_version(),
        "versions": {package: first_version(names) for package, names in question["packages"].items()},
        "modules": {name: loaded(name, question["seconds"]) for name in question["modules"]},
        "missing": [path for path in question["paths"] if not os.path.exists(path)],
        "unset": [name for name in question["variables"] if name not in os.environ],
        "free": free_bytes(question["folder"]),
    }


if __name__ == "__main__":
    print("\n" + json.dumps(report(json.loads(sys.argv[1]))))
