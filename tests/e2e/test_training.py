"""verl's real trainer, from the command line: Ray, TransferQueue, FSDP2, vLLM and the weight sync, on a CPU.

One training is killed with SIGKILL in the middle and started again. What it leaves behind answers all the questions
here.
"""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from torch.nn.utils import parameters_to_vector
from transformers import AutoModelForCausalLM, AutoTokenizer

from recipes.tiny_model.reflections import REFLECTION_REQUEST
from verl_reflect.demo.data import CHECKPOINT, make_data
from verl_reflect.demo.training import ToyTraining
from verl_reflect.rollout.chat import Chat

pytestmark = pytest.mark.e2e

KILL_AFTER, STEPS = 2, 4
MINUTES = 60.0


@dataclass(frozen=True)
class Run:
    """A training that was killed after a step and went on."""

    folder: Path
    before_the_kill: list[dict[str, Any]]
    after_the_kill: list[dict[str, Any]]

    @property
    def records(self) -> dict[int, dict[str, Any]]:
        return {record["step"]: record["data"] for record in (*self.before_the_kill, *self.after_the_kill)}

    def transcripts(self, step: int, kind: str = "rollout") -> list[dict[str, Any]]:
        path = self.folder / kind / "transcripts" / f"{step}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]


def start(training: ToyTraining) -> "subprocess.Popen[bytes]":
    command = [*training.command(), "trainer.resume_mode=auto", "trainer.save_freq=1", "reflect.first_attempt=live"]
    command += ["reflect.sampler=edge"]
    command += [f"trainer.default_local_dir={training.folder / 'checkpoints'}"]
    command += ["actor_rollout_ref.actor.checkpoint.save_contents=[model,optimizer,extra,hf_model]"]
    environment = {**os.environ, "VERL_FILE_LOGGER_PATH": str(training.metrics)}
    with open(training.log, "ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """As the machine's out-of-memory killer would: the driver, Ray and every worker, without a word."""
    for victim in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
        try:
            victim.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
    process.wait()


def records(training: ToyTraining) -> list[dict[str, Any]]:
    if not training.metrics.exists():
        return []
    return [json.loads(line) for line in training.metrics.read_text().splitlines(keepends=True) if line.endswith("\n")]


def wait_for_step(training: ToyTraining, process: "subprocess.Popen[bytes]", step: int) -> None:
    deadline = time.monotonic() + 10 * MINUTES
    while not any(record["step"] >= step for record in records(training)):
        assert process.poll() is None and time.monotonic() < deadline, training.log.read_text()[-5000:]
        time.sleep(0.5)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("run")
    make_data(folder / "data", CHECKPOINT, train=200, held_out=30, seed=0)
    training = ToyTraining(folder, folder / "data", CHECKPOINT, seed=1, steps=STEPS, validate_every=STEPS)
    process = start(training)
    try:
        wait_for_step(training, process, KILL_AFTER)
        kill(process)
        before = records(training)
        process = start(training)
        assert process.wait(timeout=10 * MINUTES) == 0, training.log.read_text()[-5000:]
    finally:
        if process.poll() is None:
            kill(process)
    yield Run(folder, before, records(training))


def test_a_killed_run_goes_on_after_its_last_checkpoint(run: Run) -> None:
    last_saved = run.before_the_kill[-1]["step"]
    steps = [record["step"] for record in run.after_the_kill if "training/global_step" in record["data"]]
    assert steps[0] in (last_saved, last_saved + 1), (
        "the step being saved at the kill may be done again, none is skipped"
    )
    assert steps[-1] == STEPS and steps == list(range(steps[0], STEPS + 1))


def test_each_step_trains_on_a_full_batch_of_groups_that_share_an_attempt(run: Run) -> None:
    groups = by_group(run.transcripts(STEPS))
    assert len(groups) == 32 and all(len(sessions) == 8 for sessions in groups)
    assert all(len({line["attempt"]["text"] for line in sessions}) == 1 for sessions in groups)
    assert not any(line["first_try"]["passed"] for sessions in groups for line in sessions)


def test_solved_tasks_were_replaced(run: Run) -> None:
    assert run.records[STEPS]["reflect/replaced_solved"] > 0
    assert run.records[STEPS]["reflect/replaced_failed"] == 0


def test_pass_rates_of_tasks_survive_the_kill(run: Run) -> None:
    state = torch.load(run.folder / "checkpoints" / f"global_step_{STEPS}" / "data.pt", weights_only=False)
    tries = state["dataset_state"]["pass_rates"]["tries"]
    solved = sum(record.get("reflect/replaced_solved", 0) for record in run.records.values())
    assert 200 >= len(tries) > 32 * KILL_AFTER, "more rows than a run without memory would know"
    assert sum(made >= 8 for _, made in tries.values()) > 32 and solved > 0


def test_a_step_says_what_it_took(run: Run) -> None:
    metrics = run.records[STEPS]
    assert 0 < metrics["reflect/first_try_pass_rate"] < 1
    made, wasted = metrics["reflect/attempts_made"], metrics["reflect/attempts_wasted"]
    assert made == 32 + metrics["reflect/replaced_solved"] + wasted
    assert metrics["reflect/attempts_per_failure"] == made / 32
    assert metrics["reflect/longest_attempt_chain"] >= 1 and metrics["reflect/largest_worker_share"] <= 1.2
    assert metrics["reflect/generated_tokens_per_trained_token"] > 1.5


def test_only_reflections_are_trained(run: Run) -> None:
    metrics = run.records[STEPS]
    lengths = [line["reflection"]["tokens"] for line in run.transcripts(STEPS)]
    assert metrics["response_length/mean"] == pytest.approx(sum(lengths) / len(lengths))
    assert metrics["actor/grad_norm"] > 0
    assert metrics["critic/score/mean"] == pytest.approx(metrics["reflect/second_try"])


def test_the_server_and_the_trainer_agree_on_log_probs(run: Run) -> None:
    assert run.records[STEPS]["training/rollout_probs_diff_mean"] < 1e-3


def test_verls_own_samples_of_a_validation_show_sessions_to_their_end(run: Run) -> None:
    samples = (run.folder / "validation" / f"{STEPS}.jsonl").read_text().splitlines()
    shown = Counter(json.loads(sample)["output"] for sample in samples)
    sessions = run.transcripts(STEPS, "validation")
    last_turns = [[line["attempt"], line["reflection"], *line["retries"]] for line in sessions]
    said = [next(turn for turn in reversed(turns) if turn) for turns in last_turns]
    assert shown.total() == len(sessions) and any(line["retries"] for line in sessions)
    assert Counter(turn["text"] for turn in said if not turn["forged"]) <= shown


def test_validation_measures_all_three_accuracies(run: Run) -> None:
    metrics = run.records[STEPS]
    assert {line["data_source"] for line in run.transcripts(STEPS, "validation")} == {
        "countdown/first_try",
        "countdown/reflect",
        "countdown/blind",
    }
    assert metrics["val-aux/countdown/reflect/first_try/mean@1"] == 0.0, "these are failures"
    assert 0 < metrics["val-aux/countdown/first_try/first_try/mean@1"] < 1
    assert metrics["val-aux/countdown/blind/reflected/mean@1"] == 0.0


def log_probs(model: Any, tokenizer: Any, line: dict[str, Any]) -> torch.Tensor:
    """Log-probabilities of the tokens of a session's reflection in its context."""
    attempt = [*Chat(tokenizer).body(line["attempt"]["token_ids"]), tokenizer.eos_token_id]
    asked, request = (
        tokenizer.encode(f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n")
        for text in (line["task"], REFLECTION_REQUEST)
    )
    prompt = [*asked, *attempt, *tokenizer.encode("\n"), *request]
    reflection = line["reflection"]["token_ids"]
    logits = model(input_ids=torch.tensor([prompt + reflection])).logits[0, len(prompt) - 1 : -1]
    return logits.log_softmax(-1).gather(-1, torch.tensor(reflection)[:, None])[:, 0]


def by_group(lines: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        groups.setdefault(line["key"].split("_")[0], []).append(line)
    return list(groups.values())


def models_around_the_first_step(run: Run) -> list[Any]:
    after = run.folder / "checkpoints" / "global_step_1" / "actor" / "huggingface"
    return [AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval() for folder in (CHECKPOINT, after)]


@torch.no_grad()
def test_paid_reflections_become_likelier_than_unpaid_ones_of_their_group(run: Run) -> None:
    tokenizer, models = AutoTokenizer.from_pretrained(CHECKPOINT), models_around_the_first_step(run)
    shift: dict[float, list[float]] = {0.0: [], 1.0: []}
    for sessions in by_group(run.transcripts(1)):
        if len({line["metrics"]["second_try"] for line in sessions}) == 2:
            for line in sessions:
                before, after = (float(log_probs(model, tokenizer, line).sum()) for model in models)
                shift[line["metrics"]["second_try"]].append(after - before)
    mean = {reward: sum(values) / len(values) for reward, values in shift.items()}
    assert mean[1.0] > mean[0.0], mean


def grpo_loss(model: Any, tokenizer: Any, groups: list[list[dict[str, Any]]]) -> torch.Tensor:
    """The method in three lines: normalise success within a group, weigh the reflection's tokens with it, average."""
    weighed, tokens = torch.zeros(()), 0
    for sessions in groups:
        success = torch.tensor([line["metrics"]["second_try"] for line in sessions])
        advantages = (success - success.mean()) / (success.std() + 1e-6)
        for line, advantage in zip(sessions, advantages, strict=True):
            log_prob = log_probs(model, tokenizer, line)
            weighed, tokens = weighed - advantage * log_prob.sum(), tokens + len(log_prob)
    return weighed / tokens


def test_the_first_update_is_the_methods_done_again_in_plain_torch(run: Run) -> None:
    tokenizer, (model, trained) = AutoTokenizer.from_pretrained(CHECKPOINT), models_around_the_first_step(run)
    before = parameters_to_vector(model.parameters()).clone()
    optimizer = torch.optim.AdamW(model.parameters(), lr=run.records[1]["actor/lr"], weight_decay=0.01)
    grpo_loss(model, tokenizer, by_group(run.transcripts(1))).backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    assert float(norm) == pytest.approx(run.records[1]["actor/grad_norm"], rel=1e-3)
    ours, verls = (parameters_to_vector(m.parameters()) - before for m in (model, trained))
    assert torch.nn.functional.cosine_similarity(ours, verls, dim=0) > 0.999
    assert float(ours.norm()) == pytest.approx(float(verls.norm()), rel=1e-3)
