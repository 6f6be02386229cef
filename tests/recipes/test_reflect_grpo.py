"""The launch scripts: what they ask verl for composes, and passes every check that needs no GPU's model or data."""

import os
import subprocess
from pathlib import Path

import pytest
from builders import ROOT, compose_config
from omegaconf import DictConfig, OmegaConf

from recipes.gpu_check.trainings import Trainings
from verl_reflect.checks.every import CHECKS
from verl_reflect.checks.run import Run
from verl_reflect.checks.verl_names import TESTED

FOLDER = ROOT / "recipes" / "reflect_grpo"
RUN = FOLDER / "run.sh"
GPU_CHECK = FOLDER / "gpu_check.sh"
ON_GPUS = ("one_gpu", "eight_gpus", "eight_gpus_7b", "[one_gpu,no_flash_attn]")
COMMANDS = {group: (RUN, (f"+hardware={group}",)) for group in ON_GPUS} | {"cpu": (FOLDER / "cpu_smollm2.sh", ())}


def overrides(script: Path, arguments: tuple[str, ...], tmp_path: Path) -> list[str]:
    """What a script passes to verl's trainer."""
    module, *rest = passed_to_python(script, arguments, tmp_path)
    assert module == "verl.trainer.main_ppo"
    return rest


def passed_to_python(script: Path, arguments: tuple[str, ...], tmp_path: Path) -> list[str]:
    """The module that a script runs and its arguments, found by putting another `python` on its path."""
    for name in ("python", "verl-reflect"):
        (tmp_path / name).write_text('#!/bin/sh\n[ "$1" = -m ] && printf "%s\\n" "$@" > "$ARGUMENTS"\necho model\n')
        (tmp_path / name).chmod(0o755)
    passed = tmp_path / "arguments"
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "ARGUMENTS": str(passed)}
    command = ["bash", script, *arguments, "trainer.project_name=mine"]
    subprocess.run(command, env=environment, check=True, cwd=tmp_path)
    return passed.read_text().splitlines()[1:]


def composed(script: Path, arguments: tuple[str, ...], tmp_path: Path) -> DictConfig:
    config = compose_config(*overrides(script, arguments, tmp_path))
    OmegaConf.resolve(config)
    return config


def test_every_script_and_every_hardware_is_among_the_commands() -> None:
    groups = {path.stem for path in (ROOT / "verl_reflect" / "conf" / "hardware").glob("*.yaml")}
    assert {script for script, _ in COMMANDS.values()} | {GPU_CHECK} == set(FOLDER.glob("*.sh"))
    assert groups - {"cpu"} == {name for group in ON_GPUS for name in group.strip("[]").split(",")}


@pytest.mark.parametrize(("script", "arguments"), COMMANDS.values(), ids=COMMANDS)
def test_a_command_asks_for_a_run_that_can_work(script: Path, arguments: tuple[str, ...], tmp_path: Path) -> None:
    config = composed(script, arguments, tmp_path)
    for check in ("verl", "settings", "trainer", "group", "reward function"):
        CHECKS[check](Run(config))
    assert config.trainer.project_name == "mine", "further overrides are passed on"


def test_the_check_of_a_machine_asks_for_runs_that_can_work(tmp_path: Path) -> None:
    module, _, out, _, data, *rest = passed_to_python(GPU_CHECK, ("+hardware=one_gpu",), tmp_path)
    assert (module, out, data) == ("recipes.gpu_check", "runs/gpu_check", "runs/gpu_check-data")
    config = compose_config(*Trainings(Path(out), Path(data), rest).live().overrides)
    OmegaConf.resolve(config)
    for check in ("verl", "settings", "trainer", "group", "reward function", "batches"):
        CHECKS[check](Run(config))
    assert config.trainer.project_name == "mine", "further overrides are passed on"
    assert config.actor_rollout_ref.model.path == "Qwen/Qwen2.5-0.5B-Instruct", "whatever the hardware is sized for"


@pytest.mark.parametrize(
    ("group", "gpus", "batch", "model"),
    [("one_gpu", 1, 64, "1.5B"), ("eight_gpus", 8, 256, "1.5B"), ("eight_gpus_7b", 8, 256, "7B")],
)
def test_a_hardware_decides_what_depends_on_it(group: str, gpus: int, batch: int, model: str, tmp_path: Path) -> None:
    config = composed(RUN, (f"+hardware={group}",), tmp_path)
    assert config.trainer.nnodes * config.trainer.n_gpus_per_node == gpus
    assert config.data.train_batch_size == config.actor_rollout_ref.actor.ppo_mini_batch_size == batch
    assert config.actor_rollout_ref.model.path == f"Qwen/Qwen2.5-{model}-Instruct"


def test_without_flash_attention_no_rows_are_packed(tmp_path: Path) -> None:
    model = composed(RUN, ("+hardware=[one_gpu,no_flash_attn]",), tmp_path).actor_rollout_ref.model
    assert not model.use_remove_padding and model.override_config.attn_implementation == "sdpa"


def test_the_recipe_names_the_verl_that_is_checked_for() -> None:
    assert (FOLDER / "REQUIRED_VERL.txt").read_text().strip() == f"verl=={TESTED[-1]}"
