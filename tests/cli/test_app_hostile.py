"""A reward function's file, or a task's, that ends the process at its import: a sentence and an exit code."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hostile_verifiers import AT_IMPORT
from typer.testing import CliRunner

from verl_reflect.cli.app import app
from verl_reflect.cpu import callback
from verl_reflect.demo.data import CHECKPOINT

WHAT = ("exits", "is interrupted", "dies", "kills its parent")


@pytest.fixture
def overrides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(callback, "use_cpu", lambda: None)  # it would make the whole test process one for CPUs
    row = {
        "data_source": "museum",
        "prompt": [{"role": "user", "content": "Make 29 from 3 5 8 ."}],
        "reward_model": {"ground_truth": "29"},
        "first_attempt": "no",
    }
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "rows.parquet")
    return [
        *("+recipe=reflect_grpo", "+task=countdown_toy", "+hardware=cpu"),
        f"actor_rollout_ref.model.path={CHECKPOINT}",
        f"data.train_files={tmp_path / 'rows.parquet'}",
        f"data.val_files={tmp_path / 'rows.parquet'}",
    ]


def said(*arguments: str) -> tuple[int, str]:
    """Exit code, and everything printed on one line, by a terminal so wide that no table breaks a path."""
    result = CliRunner(env={"COLUMNS": "500"}).invoke(app, arguments)
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.parametrize("what", WHAT)
@pytest.mark.parametrize("command", ["doctor", "mine", "eval"])
def test_a_reward_functions_file(command: str, what: str, overrides: list[str], tmp_path: Path) -> None:
    text, words = AT_IMPORT[what]
    (tmp_path / "mine.py").write_text(text)
    out = () if command == "doctor" else ("--out", str(tmp_path / "out"))
    reward = f"reward.custom_reward_function.path={tmp_path / 'mine.py'}"
    code, output = said(command, *out, *overrides, reward)
    assert code == 1
    assert f"The reward function {tmp_path}/mine.py:compute_score cannot be loaded: " in output and words in output


@pytest.mark.parametrize("what", WHAT)
def test_a_tasks_module(what: str, overrides: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, words = AT_IMPORT[what]
    (tmp_path / "museum_of_tasks.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    code, output = said("mine", "--out", str(tmp_path / "out"), *overrides, "reflect.tasks=[museum_of_tasks:Task]")
    assert code == 1
    assert words.removeprefix("raised ") in output
