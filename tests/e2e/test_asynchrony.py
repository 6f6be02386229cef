"""verl's real asynchronous trainer, on a CPU: four steps with live first attempts."""

import json
import os
import subprocess
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from verl_reflect.demo.data import CHECKPOINT, make_data
from verl_reflect.demo.training import ToyTraining

pytestmark = pytest.mark.e2e

STEPS = 4
OFF_POLICY = "training/off_policy/trajectory"


def test_a_line_of_live_failures_is_trained_with_the_log_probs_and_the_age_that_they_have(tmp_path: Path) -> None:
    metrics, sessions = trained(tmp_path)
    for step in range(1, STEPS + 1):
        a_full_batch_of_failures(sessions[step])
        told, weights = metrics[step], [line["reflection"]["weights"] for line in sessions[step]]
        assert told[f"{OFF_POLICY}_spans/mean"] == pytest.approx(fmean(last - first + 1 for first, last in weights))
        oldest = fmean(first for first, _ in weights)
        assert told[f"{OFF_POLICY}_staleness_worst/mean"] == pytest.approx(step - 1 - oldest)
        assert told["actor/grad_norm"] > 0 and told["reflect/replaced_stale"] == 0
    assert abs(metrics[1]["actor/ppo_kl"]) < 1e-5, "what the server said of fresh rows is what the trainer finds"
    assert metrics[2]["reflect/session_staleness"] > 0
    assert sum(each["reflect/replaced_solved"] for each in metrics.values()) > 0


def a_full_batch_of_failures(sessions: list[dict[str, Any]]) -> None:
    groups: dict[str, set[str]] = {}
    for line in sessions:
        groups.setdefault(line["key"].split("_")[0], set()).add(line["attempt"]["text"])
    assert len(sessions) == 32 and len(groups) == 8, "whichever weights wrote it"
    assert all(len(attempts) == 1 for attempts in groups.values()), "a group shares its attempt"
    assert not any(line["first_try"]["passed"] for line in sessions)


def trained(folder: Path) -> tuple[dict[int, dict[str, Any]], dict[int, list[dict[str, Any]]]]:
    """Metrics and transcripts by step."""
    make_data(folder / "data", CHECKPOINT, train=80, held_out=4, seed=0)
    training = ToyTraining(folder, folder / "data", CHECKPOINT, seed=1, steps=STEPS, validate_every=-1)
    small = ["data.train_batch_size=8", "actor_rollout_ref.rollout.n=4", "trainer.val_before_train=False"]
    command = [*training.command(), *small, "trainer.v1.trainer_mode=colocate_async", "reflect.first_attempt=live"]
    environment = {**os.environ, "VERL_FILE_LOGGER_PATH": str(training.metrics)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    records = [json.loads(line) for line in training.metrics.read_text().splitlines()]
    said = {step: folder / "rollout" / "transcripts" / f"{step}.jsonl" for step in range(1, STEPS + 1)}
    sessions = {step: [json.loads(line) for line in path.read_text().splitlines()] for step, path in said.items()}
    return {record["step"]: record["data"] for record in records}, sessions
