"""TRL's environment, without a download."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from types import SimpleNamespace

import pytest

from recipes.race.trl_environment import trl_environment


def bare(folder: Path, **_: object) -> None:
    (folder / "lib/python3/site-packages").mkdir(parents=True)


@pytest.mark.parametrize("fails", [False, True])
def test_it_is_finished_only_when_trl_is_in_it(fails: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(venv, "create", bare)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=int(fails)))
    folder = tmp_path / "trl"
    if fails:
        with pytest.raises(ValueError, match="give an interpreter that has TRL with --trl-python"):
            trl_environment(folder)
    else:
        assert trl_environment(folder) == folder / "bin" / "python"
        monkeypatch.setattr(venv, "create", lambda *_, **__: pytest.fail("it is there"))
        assert trl_environment(folder) == folder / "bin" / "python"
    shared = (folder / "lib/python3/site-packages/shared.pth").read_text()
    assert shared.strip() == sysconfig.get_path("purelib") and sys.prefix in shared
    assert (folder / ".complete").exists() is not fails
