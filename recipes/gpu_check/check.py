"""The questions in their order, each asked of a launch as soon as it has ended."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from recipes.gpu_check import answers
from recipes.gpu_check.answers import Answer
from recipes.gpu_check.failures import write_failures
from recipes.gpu_check.launch import Launch
from recipes.gpu_check.trainings import LIVE_STEPS, LORA_STEPS, STOCK_STEPS, Trainings
from verl_reflect.checks.doctor import examine
from verl_reflect.records.metrics_log import StepMetrics
from verl_reflect.records.transcripts import read_transcripts


def ask(trainings: Trainings) -> Iterator[Answer]:
    """Every question. Raises LaunchError: a launch failed or took too long."""
    refused = [finding.remark for finding in examine(trainings.of_the_method()) if not finding.fit]
    yield Answer("doctor refuses", " ".join(refused) or "nothing", not refused)
    stock = trainings.stock()
    stock.run()
    yield from _of_any("verl's own GRPO", stock.steps, STOCK_STEPS)
    killed, resumed = trainings.live(killed=True), trainings.live(killed=False)
    killed.run()
    before = killed.steps
    resumed.run()
    live = [*before, *resumed.steps]
    yield answers.went_on("live", before, resumed.steps)
    yield from _of_any("live", live, LIVE_STEPS)
    yield from _of_the_method(trainings, "live", resumed, live, LIVE_STEPS)
    yield _validation(trainings, resumed)
    yield answers.time_against(_stock_pace(trainings, stock.steps), _pace(trainings, live))
    lora = trainings.lora(_failures(trainings, resumed))
    lora.run()
    yield from _of_any("LoRA on failures", lora.steps, LORA_STEPS)
    yield from _of_the_method(trainings, "LoRA on failures", lora, lora.steps, LORA_STEPS)


def _of_any(name: str, steps: Sequence[StepMetrics], last: int) -> Iterator[Answer]:
    """What holds of every training."""
    yield answers.steps_are_whole(name, steps, last)
    yield answers.probabilities_agree(name, steps)
    yield answers.weights_move(name, steps)
    yield answers.peak_memory(name, steps)


def _of_the_method(
    trainings: Trainings, name: str, launch: Launch, steps: Sequence[StepMetrics], last: int
) -> Iterator[Answer]:
    """What holds where the model reflects."""
    sessions = read_transcripts(launch.folder / "rollout", last)
    yield answers.groups_are_full(name, sessions, trainings.batch, trainings.group)
    yield answers.attempts_are_shared(name, sessions)
    yield answers.nothing_died(name, steps)
    yield answers.text_stays_text(name, steps)


def _validation(trainings: Trainings, launch: Launch) -> Answer:
    rows = pq.read_metadata(trainings.data / "validation.parquet").num_rows
    return answers.validated("live", read_transcripts(launch.folder / "validation", LIVE_STEPS), rows)


def _stock_pace(trainings: Trainings, steps: Sequence[StepMetrics]) -> float | None:
    rows = 2 * trainings.batch * trainings.group
    return answers.seconds_a_token(steps, lambda values: rows * values["response_length/mean"])


def _pace(trainings: Trainings, steps: Sequence[StepMetrics]) -> float | None:
    rows = trainings.batch * trainings.group
    share = "reflect/generated_tokens_per_trained_token"
    return answers.seconds_a_token(steps, lambda values: rows * values["response_length/mean"] * values[share])


def _failures(trainings: Trainings, live: Launch) -> Path:
    sessions = [each for step in range(1, LIVE_STEPS + 1) for each in read_transcripts(live.folder / "rollout", step)]
    return write_failures(trainings.data / "train.parquet", sessions, trainings.folder / "failures.parquet")
