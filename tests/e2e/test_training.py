"""verl's real trainer, from the command line: Ray, TransferQueue, FSDP2, vLLM and the weight sync, on a CPU.

The check of a machine (recipes/gpu_check) starts verl four times: one training is killed with SIGKILL in the middle and
started again. What it leaves behind answers all the questions here.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from builders import ROOT
from torch.nn.utils import parameters_to_vector
from transformers import AutoModelForCausalLM, AutoTokenizer

from recipes.tiny_model.reflections import REFLECTION_REQUEST
from verl_reflect.demo.data import CHECKPOINT, make_data
from verl_reflect.records.metrics_log import parts_of
from verl_reflect.rollout.chat import Chat

pytestmark = pytest.mark.e2e

KILL_AFTER, STEPS = 3, 6
MINUTES = 60.0


@dataclass(frozen=True)
class Run:
    """A training that was killed after a step and went on, and the check that it is of."""

    check: Path
    folder: Path
    before_the_kill: list[dict[str, Any]]
    after_the_kill: list[dict[str, Any]]

    @property
    def records(self) -> dict[int, dict[str, Any]]:
        return {record["step"]: record["data"] for record in (*self.before_the_kill, *self.after_the_kill)}

    def transcripts(self, step: int, kind: str = "rollout") -> list[dict[str, Any]]:
        path = self.folder / kind / "transcripts" / f"{step}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]


def overrides() -> list[str]:
    """What the check is told: the tiny model, on this CPU."""
    return [
        *("+task=countdown_toy", "+hardware=cpu", f"actor_rollout_ref.model.path={CHECKPOINT.resolve()}"),
        *("data.seed=1", "actor_rollout_ref.rollout.seed=1", "reflect.sampler=edge"),
        "actor_rollout_ref.rollout.agent.num_workers=2",
        "actor_rollout_ref.actor.checkpoint.save_contents=[model,optimizer,extra,hf_model]",
        "+actor_rollout_ref.rollout.engine_kwargs.vllm.block_size=16",  # or no conversation would fill a block
    ]


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    make_data(folder / "data", CHECKPOINT, train=200, held_out=30, seed=0)
    where = ("--out", folder / "check", "--data", folder / "data")
    check = subprocess.run(
        [sys.executable, "-m", "recipes.gpu_check", *where, *overrides()],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},  # as where somebody hides a GPU from a run on the CPU
        capture_output=True,
        text=True,
        timeout=20 * MINUTES,
    )
    assert check.returncode == 0, f"{check.stdout}\n{check.stderr}"
    return run_of(folder / "check")


def run_of(check: Path) -> Run:
    """The live training among those of a check."""
    before, after = parts_of(check / "live" / "metrics.jsonl")
    return Run(check, check / "live", records(before), records(after))


def test_the_check_of_a_machine_asked_of_every_training_and_found_nothing_wrong(run: Run) -> None:
    found = json.loads((run.check / "gpu_check.json").read_text())
    holds = {answer["question"]: answer["holds"] for answer in found["answers"]}
    assert not [question for question, held in holds.items() if held is False]
    assert len([question for question, held in holds.items() if held is None]) == 4, "memory, and time on a CPU"
    assert {name: steps[-1]["step"] for name, steps in found["steps"].items()} == {
        "verl's own GRPO": 5,
        "live": 6,
        "LoRA on failures": 3,
    }
    memory = {answer["figure"] for answer in found["answers"] if "memory" in answer["question"]}
    assert memory and not any(" 0.0 GB of the host" in figure for figure in memory)
    assert holds["live, reflections: share of known tokens found in the prefix cache"]


def test_an_adapter_reaches_the_server_as_it_is(run: Run) -> None:
    agreement = [
        record["data"]["training/rollout_probs_diff_mean"] for record in records(run.check / "lora/metrics.jsonl")
    ]
    assert len(agreement) == 3 and max(agreement) < 1e-5


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
