"""Tests stand beside their modules, and the check that says so notices one that does not."""

import subprocess
import sys
from pathlib import Path

from builders import ROOT

RECIPES = "recipes"


def check(root: Path) -> tuple[int, list[str]]:
    command = [sys.executable, str(ROOT / "scripts/check_tests_layout.py"), str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, [line.partition(":")[0] for line in done.stderr.splitlines()]


def test_every_test_stands_beside_its_module() -> None:
    assert check(ROOT) == (0, [])


def test_a_test_without_a_module_is_named(tmp_path: Path) -> None:
    right = ("test_config.py", "rollout/test_loop.py", "rollout/test_loop_of_two.py", f"{RECIPES}/toy/test_card.py")
    exempt = (f"{RECIPES}/test_toy.py", "e2e/test_all.py", "repository/test_wheel.py", "helpers/test_rows.py")
    wrong = (f"{RECIPES}/test_own.py", "rollout/test_config.py", "rollout/test_loops.py", "test_loop.py")
    modules = ("verl_reflect/config.py", "verl_reflect/rollout/loop.py", f"{RECIPES}/toy/card.py")
    for name in (*modules, *(f"tests/{each}" for each in (*right, *exempt, *wrong))):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert check(tmp_path) == (1, [f"tests/{each}" for each in wrong])
