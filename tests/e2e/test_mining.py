"""Mining with verl's own replica on a CPU: Ray, vLLM, the tiny model."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from verl_reflect.demo.data import CHECKPOINT, make_data
from verl_reflect.demo.training import ToyTraining
from verl_reflect.reward import compute_score
from verl_reflect.rollout.chat import Chat

pytestmark = pytest.mark.e2e

QUERIES, SAMPLES = 40, 16


def overrides(data: Path) -> list[str]:
    return [
        *("+recipe=reflect_grpo", "+task=countdown_toy", "+hardware=cpu"),
        f"actor_rollout_ref.model.path={CHECKPOINT}",
        f"data.train_files={data / 'train.parquet'}",
        f"data.val_files={data / 'validation.parquet'}",
    ]


def command(name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    code = "from verl_reflect.cli.app import app; app()"
    return subprocess.run(
        [sys.executable, "-c", code, name, *arguments], capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture(scope="module")
def mined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mined")
    make_data(folder, CHECKPOINT, train=QUERIES, held_out=5, seed=0)
    done = command("mine", "--out", str(folder / "failures.parquet"), "--samples", str(SAMPLES), *overrides(folder))
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    assert done.stdout.splitlines()[-1] == str(folder / "failures.parquet")
    return folder


def rows(mined: Path) -> list[dict[str, Any]]:
    return pq.read_table(mined / "failures.parquet").to_pylist()


def test_every_row_has_a_failure_of_the_very_tokens(mined: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)
    assert len(rows(mined)) > QUERIES / 2
    for row in rows(mined):
        ids = row["first_attempt_ids"]
        assert compute_score("countdown", row["first_attempt"], row["reward_model"]["ground_truth"])["score"] == 0
        assert row["first_attempt"] == Chat(tokenizer).words(ids)
        assert row["samples"] == SAMPLES and row["pass_rate"] in [n / SAMPLES for n in range(SAMPLES)]


@torch.no_grad()
def test_the_answers_are_this_models(mined: Path) -> None:
    """They are far likelier under it than the same answers dealt to other queries."""
    model, tokenizer = (
        AutoModelForCausalLM.from_pretrained(CHECKPOINT).eval(),
        AutoTokenizer.from_pretrained(CHECKPOINT),
    )

    def log_prob(row: dict[str, Any], answer: list[int]) -> float:
        text = tokenizer.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
        prompt = tokenizer.encode(text)
        logits = model(input_ids=torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
        return float(logits.log_softmax(-1).gather(-1, torch.tensor(answer)[:, None]).sum())

    own, others = rows(mined), [*rows(mined)[1:], rows(mined)[0]]
    mine = sum(log_prob(row, row["first_attempt_ids"]) for row in own) / len(own)
    dealt = sum(log_prob(row, other["first_attempt_ids"]) for row, other in zip(own, others, strict=True)) / len(own)
    assert mine > dealt + 5, (mine, dealt)


def test_the_pass_rate_is_the_models(mined: Path) -> None:
    counts = json.loads((mined / "failures.card.json").read_text())["mined"]["counts"]
    assert counts["answers"] == QUERIES * SAMPLES and counts["given_up"] == 0
    first_try = json.loads((CHECKPOINT / "card.json").read_text())["accuracy_held_out"]["first_try"]
    assert 1 - counts["failures"] / counts["answers"] == pytest.approx(first_try, abs=0.12)


def test_the_doctor_finds_the_set_fit_for_training(mined: Path) -> None:
    found = command("doctor", *overrides(mined), f"data.train_files={mined / 'failures.parquet'}")
    assert found.returncode == 0 and "mined from this model" in found.stdout, found.stdout
    doubtful = command("doctor", *overrides(mined), f"data.train_files={mined / 'failures.parquet'}", CHANGED)
    assert doubtful.returncode == 0 and "was mined with another chat template" in doubtful.stdout, doubtful.stdout


CHANGED = "+data.apply_chat_template_kwargs.enable_thinking=false"


def test_a_mined_set_trains_and_goes_live_when_it_is_stale(mined: Path, tmp_path: Path) -> None:
    """With the retries kept in place, so that every kind of row goes through verl's trainer."""
    overrides = (
        f"data.train_files={mined / 'failures.parquet'}",
        *("reflect.first_attempt=mixed", "reflect.stale_after=1"),
        *("reflect.keep=[retry]", "actor_rollout_ref.actor.use_kl_loss=true"),
        *("data.train_batch_size=8", "actor_rollout_ref.rollout.n=4", "trainer.val_before_train=False"),
    )
    training = ToyTraining(tmp_path, mined, CHECKPOINT, 1, steps=2, validate_every=-1, overrides=overrides)
    first, second = (record["data"] for record in training.run())
    of_the_set = {row["first_attempt"] for row in rows(mined)}
    stored, live = (
        [json.loads(line) for line in (tmp_path / "rollout" / "transcripts" / f"{step}.jsonl").read_text().splitlines()]
        for step in (1, 2)
    )
    assert {line["attempt"]["text"] for line in stored} <= of_the_set and not any(line["attempts"] for line in stored)
    assert all(line["attempts"] == 1 for line in live) and "reflect/first_try_pass_rate" not in first
    assert second["reflect/first_try_pass_rate"] >= 0 and first["actor/grad_norm"] > 0
    turns = sum(len(line["retries"]) + 1 for line in stored)
    tokens = sum(line["metrics"][f"{turn}_tokens"] for line in stored for turn in ("reflection", "retry"))
    assert first["response_length/mean"] == pytest.approx(tokens / turns, rel=0.01)
    assert first["actor/kl_loss"] >= 0 and second["actor/kl_loss"] > 0
