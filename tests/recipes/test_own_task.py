"""The example of docs/tasks.md: a task that lives outside the package, from its check to the configuration."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from builders import ROOT, compose_config
from typer.testing import CliRunner

from verl_reflect.checks.every import CHECKS
from verl_reflect.checks.run import Run
from verl_reflect.cli.app import app
from verl_reflect.rollout.reward_function import RewardFunction
from verl_reflect.tasks.registry import load_task

FOLDER = ROOT / "recipes" / "own_task"
TASK = "my_tasks.reverse:Reverse"
SOURCE = str(FOLDER / "words.jsonl")


@pytest.fixture(autouse=True)
def _on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    arguments = ["--task", TASK, "--source", SOURCE, "--out", str(tmp_path), "--validation", "20", "--test", "20"]
    result = CliRunner().invoke(app, ["data", "custom", *arguments])
    assert result.exit_code == 0, result.output
    return tmp_path


def test_the_check_passes_from_outside_with_only_the_path_set() -> None:
    command = [
        sys.executable,
        "-c",
        "from verl_reflect.cli.app import app; app()",
        "check-task",
        TASK,
        "--source",
        SOURCE,
    ]
    path = os.pathsep.join([str(FOLDER), str(ROOT)])
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "200 made, 0 records malformed" in done.stdout


def test_data_are_made(data: Path) -> None:
    row = pq.read_table(data / "train.parquet").to_pylist()[0]
    words = row["reward_model"]["ground_truth"]["words"]
    assert row["data_source"] == "reverse"
    assert row["extra_info"]["gold"] == f"<answer>{' '.join(reversed(words))}</answer>"
    sizes = json.loads((data / "train.card.json").read_text())["sizes"]
    assert sizes == {"test": 20, "validation": 20, "train": 160}


@pytest.mark.parametrize("way", ["overrides", "yaml"])
def test_the_training_command_composes_and_passes_the_checks(data: Path, way: str) -> None:
    files = [f"data.train_files={data / 'train.parquet'}", f"data.val_files={data / 'validation.parquet'}"]
    ways = {
        "overrides": [f"reflect.tasks=[{TASK}]"],
        "yaml": [f"hydra.searchpath=[file://{FOLDER}]", "+task=reverse"],
    }
    config = compose_config("+recipe=reflect_grpo", *ways[way], *files, "reflect.first_attempt=live")
    assert list(config.reflect.tasks) == [TASK]
    run = Run(config)
    for check in ("settings", "reward function", "data"):
        CHECKS[check](run)


def test_a_plain_reward_function_gives_the_same_verdicts(data: Path) -> None:
    """One override names it, and it loads and judges as the task does."""
    config = compose_config(
        "+recipe=reflect_grpo",
        f"reward.custom_reward_function.path={FOLDER / 'my_reward.py'}",
        "reflect.reflection_prompt='Your answer was wrong.'",
    )
    compute_score = RewardFunction.from_config(config).load()
    task = load_task(TASK)
    for row in pq.read_table(data / "test.parquet").to_pylist():
        truth, gold = row["reward_model"]["ground_truth"], row["extra_info"]["gold"]
        for response in (gold, gold + ".", gold.replace("</answer>", ""), gold.replace("<answer>", "<answer>word ")):
            assert compute_score("reverse", response, truth, {}) == task.judge(response, truth).score


def test_the_document_shows_the_file_as_it_is() -> None:
    document = (ROOT / "docs" / "tasks.md").read_text()
    code = (FOLDER / "my_tasks" / "reverse.py").read_text()
    assert f"```python\n{code}```" in document
    assert len(code.splitlines()) < 80
