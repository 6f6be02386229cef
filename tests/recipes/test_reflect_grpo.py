"""The launch scripts: what they ask verl for composes, and passes every check that needs no GPU's model or data."""

import os
import subprocess
from pathlib import Path

import pytest
from builders import ROOT, compose_config
from omegaconf import OmegaConf

from verl_reflect.checks.every import CHECKS
from verl_reflect.checks.run import Run

SCRIPTS = sorted((ROOT / "recipes" / "reflect_grpo").glob("*.sh"))


def overrides(script: Path, tmp_path: Path) -> list[str]:
    """What a script passes to verl's trainer, found by putting another `python` on its path."""
    for name in ("python", "verl-reflect"):
        (tmp_path / name).write_text('#!/bin/sh\n[ "$1" = -m ] && printf "%s\\n" "$@" > "$ARGUMENTS"\necho model\n')
        (tmp_path / name).chmod(0o755)
    arguments = tmp_path / "arguments"
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "ARGUMENTS": str(arguments)}
    subprocess.run(["bash", script, "trainer.project_name=mine"], env=environment, check=True, cwd=tmp_path)
    module, *rest = arguments.read_text().splitlines()[1:]
    assert module == "verl.trainer.main_ppo"
    return rest


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_asks_for_a_run_that_can_work(script: Path, tmp_path: Path) -> None:
    config = compose_config(*overrides(script, tmp_path))
    OmegaConf.resolve(config)
    for check in ("verl", "settings", "trainer", "group", "reward function"):
        CHECKS[check](Run(config))
    assert config.trainer.project_name == "mine", "further overrides are passed on"


def test_the_recipe_names_the_verl_that_is_checked_for() -> None:
    from verl_reflect.checks.config import TESTED_VERL

    assert (SCRIPTS[0].parent / "REQUIRED_VERL.txt").read_text().strip() == f"verl{TESTED_VERL}"
