"""Launches of a program that only says that it is verl's trainer."""

import sys
import time
from pathlib import Path

import psutil
import pytest

from recipes.gpu_check.launch import Launch, LaunchError

LOGS = 'printf \'{"step": %d, "data": {"loss": 1}}\\n\''


@pytest.fixture
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script in Python's place."""
    script = tmp_path / "python"
    script.touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    return script


def says(trainer: Path, *lines: str) -> None:
    trainer.write_text("\n".join(["#!/bin/bash", *lines]) + "\n")


def test_one_that_ends_well_leaves_its_steps_and_its_log(trainer: Path, tmp_path: Path) -> None:
    says(trainer, 'echo "$@"', f"{LOGS} 1 > $VERL_FILE_LOGGER_PATH")
    launch = Launch("live", tmp_path / "live", ("a=1",), 20.0)
    assert launch.steps == []
    launch.run()
    assert [step.step for step in launch.steps] == [1]
    assert launch.log.read_text() == "-m verl.trainer.main_ppo a=1\n"


def test_one_that_fails_shows_the_end_of_its_log(trainer: Path, tmp_path: Path) -> None:
    says(trainer, "for n in $(seq 99); do echo line $n; done", "exit 3")
    with pytest.raises(LaunchError, match=r"live ended with 3; the end of .*verl\.log:\nline 85\n") as error:
        Launch("live", tmp_path / "live", (), 20.0).run()
    assert str(error.value).endswith("line 99")


def test_one_that_takes_too_long_is_ended_with_its_children(trainer: Path, tmp_path: Path) -> None:
    says(trainer, "sleep 600 &", f"echo $! > {tmp_path}/child", "wait")
    with pytest.raises(LaunchError, match="live was not done after 1 s"):
        Launch("live", tmp_path / "live", (), 1.0).run()
    assert gone(int((tmp_path / "child").read_text()))


def test_one_is_killed_without_a_word_after_a_step(trainer: Path, tmp_path: Path) -> None:
    says(
        trainer,
        f"trap 'touch {tmp_path}/told' TERM INT",
        f"{LOGS} 1 > $VERL_FILE_LOGGER_PATH",
        f"{LOGS} 2 >> $VERL_FILE_LOGGER_PATH",
        "sleep 600 &",
        f"echo $! > {tmp_path}/child",
        "wait",
    )
    launch = Launch("live", tmp_path / "live", (), 20.0, stop_after=2)
    launch.run()
    assert [step.step for step in launch.steps] == [1, 2]
    assert not (tmp_path / "told").exists() and gone(int((tmp_path / "child").read_text()))


def gone(pid: int) -> bool:
    """Within a second, for whoever inherits it must collect it."""
    for _ in range(50):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False
