"""The other choices of who is trained, for a step of verl's real trainer each."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from verl_reflect.demo.data import CHECKPOINT, make_data
from verl_reflect.demo.training import ToyTraining

pytestmark = pytest.mark.e2e


def one_step(folder: Path, recipe: str, *overrides: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Metrics and transcripts of the step."""
    make_data(folder / "data", CHECKPOINT, train=40, held_out=4, seed=0)
    training = ToyTraining(folder, folder / "data", CHECKPOINT, seed=1, steps=1, validate_every=-1)
    command = [part.replace("recipe=reflect_grpo", f"recipe={recipe}") for part in training.command()]
    small = ["data.train_batch_size=8", "actor_rollout_ref.rollout.n=4", "trainer.val_before_train=False"]
    environment = {**os.environ, "VERL_FILE_LOGGER_PATH": str(training.metrics)}
    done = subprocess.run([*command, *small, *overrides], env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    lines = (folder / "rollout" / "transcripts" / "1.jsonl").read_text().splitlines()
    [record] = [json.loads(line) for line in training.metrics.read_text().splitlines()]
    return record["data"], [json.loads(line) for line in lines]


def tokens(lines: list[dict[str, Any]], *turns: str) -> int:
    return sum(int(line["metrics"][f"{turn}_tokens"]) for line in lines for turn in turns)


def test_credit_for_all_trains_every_turn_of_every_session(tmp_path: Path) -> None:
    metrics, lines = one_step(tmp_path, "reflect_grpo", "reflect.credit=all", "reflect.first_attempt=live")
    assert len(lines) == 32
    tried_again = [line for line in lines if not line["first_try"]["passed"]]
    rows = len(lines) + 2 * len(tried_again)
    trained = tokens(lines, "attempt") + tokens(tried_again, "reflection", "retry")
    assert metrics["response_length/mean"] == pytest.approx(trained / rows)
    assert metrics["actor/grad_norm"] > 0
    assert len({line["attempt"]["text"] for line in lines}) > 8, "attempts are not shared"


def test_plain_grpo_trains_first_attempts_and_generates_nothing_else(tmp_path: Path) -> None:
    metrics, lines = one_step(tmp_path, "grpo")
    assert len(lines) == 32 and not any(line["reflection"] or line["retries"] for line in lines)
    assert metrics["response_length/mean"] == pytest.approx(tokens(lines, "attempt") / 32)
    assert metrics["reflect/generated_tokens"] == pytest.approx(tokens(lines, "attempt") / 32)
    assert metrics["critic/score/mean"] == pytest.approx(metrics["reflect/first_try"])
