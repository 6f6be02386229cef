"""TRL in an environment of its own, on top of this one: torch, transformers and datasets are shared, so that all
contestants compute with the same ones, and the download is TRL's wheel alone.
"""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements.txt"


def trl_environment(folder: Path) -> Path:
    """Its interpreter; the environment is made if it is not there.

    Raises ValueError, in one sentence, if pip cannot install TRL.
    """
    interpreter = folder / "bin" / "python"
    if (folder / ".complete").exists():
        return interpreter
    venv.create(folder, with_pip=True, clear=True)
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    install = (str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    if subprocess.run([*install, "-r", str(REQUIREMENTS)], stdout=sys.stderr).returncode:
        raise ValueError(f"pip cannot install {REQUIREMENTS}; give an interpreter that has TRL with --trl-python.")
    (folder / ".complete").touch()
    return interpreter
