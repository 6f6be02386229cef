"""The probe as a node runs it: its text, by another Python process, whatever the modules there do."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT

PROBE = (ROOT / "verl_reflect" / "checks" / "node_probe.py").read_text()
MODULES = {
    "good": "import json\n",
    "noisy": "print('loaded nothing')\nprint('x' * 100_000)\n",
    "broken": "1 / 0\n",
    "leaving": "raise SystemExit(0)\n",
    "leaving_at_once": "import os\nos._exit(0)\n",
    "slow": "import time\ntime.sleep(60)\n",
    "needing": "import no_such_module\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("modules")
    for name, text in MODULES.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def answer(modules_in: Path, **question: Any) -> dict[str, Any]:
    asked = {
        "packages": {},
        "modules": [],
        "seconds": 10,
        "paths": [],
        "variables": [],
        "folder": str(modules_in),
        **question,
    }
    command = [sys.executable, "-c", PROBE, json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(modules_in)}, check=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def test_modules_are_imported_by_name_or_by_file_and_cannot_hurt(folder: Path) -> None:
    by_file = str(folder / "good.py")
    modules = answer(folder, modules=[*MODULES, by_file], seconds=5)["modules"]
    errors = {name: found["error"] for name, found in modules.items()}
    assert errors == {
        "good": "",
        "noisy": "",
        "broken": "ZeroDivisionError: division by zero",
        "leaving": "importing it ends the process",
        "leaving_at_once": "importing it ends the process",
        "slow": "importing it takes more than 5 s",
        "needing": "ModuleNotFoundError: No module named 'no_such_module'",
        by_file: "",
    }
    assert modules["good"]["digest"] == modules[by_file]["digest"] != modules["noisy"]["digest"]


def test_a_package_is_known_by_all_of_its_source(folder: Path) -> None:
    package = folder / "package"
    package.mkdir()
    digests = set()
    for text in ("", "x = 1", "x = 2"):
        (package / "__init__.py").touch()
        (package / "inner.py").write_text(text)
        digests.add(answer(folder, modules=["package"])["modules"]["package"]["digest"])
    assert len(digests) == 3


def test_variables_that_are_not_set(folder: Path) -> None:
    assert answer(folder, variables=["PYTHONPATH", "WANDB_MODE"])["unset"] == ["WANDB_MODE"]


def test_versions_files_and_room(folder: Path) -> None:
    (folder / "engine_cpu-1.5.dist-info").mkdir()
    (folder / "engine_cpu-1.5.dist-info" / "METADATA").write_text("Name: engine-cpu\nVersion: 1.5\n")
    packages = {"engine": ["engine", "engine-cpu"], "other": ["no-such-package"]}
    found = answer(folder, packages=packages, paths=[str(folder), "/no/such/file"], folder="/no/such/folder")
    assert found["versions"] == {"engine": "1.5", "other": None}
    assert found["missing"] == ["/no/such/file"] and found["free"] > 0
    assert found["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
