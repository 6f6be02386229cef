"""The questions in their order, each asked of a launch as soon as it has ended."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from recipes.gpu_check import answers
from recipes.gpu_check.answers import Answer, Sessions
from recipes.gpu_check.failures import write_failures
from recipes.gpu_check.launch import Launch
from recipes.gpu_check.trainings import LIVE_STEPS, LORA_STEPS, STOCK_STEPS, Trainings
from verl_reflect.checks.doctor import examine
from verl_reflect.records.metrics_log import StepMetrics
from verl_reflect.records.transcripts import Transcript, read_transcripts, transcript_file
from verl_reflect.training.prefix_cache import reflections_recalled, retries_recalled

STOCK, LIVE, LORA = "verl's own GRPO", "live", "LoRA on failures"


class Check:
    """One check of a machine; `steps` has what verl logged, by the name of the training."""

    def __init__(self, trainings: Trainings):
        self.trainings = trainings
        self.steps: dict[str, list[StepMetrics]] = {}

    def ask(self) -> Iterator[Answer]:
        """Every question; none after doctor refuses. Raises LaunchError: a launch failed or took too long."""
        refused = [finding.remark for finding in examine([*self.trainings.live().overrides]) if not finding.fit]
        yield Answer("doctor refuses", " ".join(refused) or "nothing", not refused)
        if refused:
            return
        yield from self._stock()
        yield from self._live()
        yield self._time()
        yield from self._lora()

    def _stock(self) -> Iterator[Answer]:
        stock = self.trainings.stock()
        stock.run()
        self.steps[STOCK] = stock.steps
        yield from self._of_any(STOCK, STOCK_STEPS)

    def _live(self) -> Iterator[Answer]:
        killed, resumed = self.trainings.live(killed=True), self.trainings.live()
        killed.run()
        before = killed.steps
        resumed.run()
        self.steps[LIVE] = [*before, *resumed.steps]
        yield answers.went_on(LIVE, before, resumed.steps)
        yield from self._of_any(LIVE, LIVE_STEPS)
        sessions = sessions_of(resumed, LIVE_STEPS)
        yield from self._of_the_method(LIVE, sessions)
        yield answers.prefixes_are_cached(
            f"{LIVE}, reflections", reflections_recalled(_all(sessions)), self.trainings.usual_block
        )
        yield answers.validated(LIVE, _written(resumed, "validation", LIVE_STEPS), self.trainings.validation_rows)

    def _time(self) -> Answer:
        stock, ours = self._pace(STOCK, _written_by_stock), self._pace(LIVE, _written_by_ours)
        return answers.time_against(stock, ours, judged=not self.trainings.on_cpu)

    def _pace(self, name: str, tokens_a_row: Callable[[Mapping[str, float]], float]) -> float | None:
        rows = self.trainings.batch * self.trainings.group * (2 if name == STOCK else 1)
        return answers.seconds_a_token(self.steps[name], lambda values: rows * tokens_a_row(values))

    def _lora(self) -> Iterator[Answer]:
        trainings = self.trainings
        live = _all(sessions_of(trainings.live(), LIVE_STEPS))
        lora = trainings.lora(write_failures(trainings.data / "train.parquet", live, trainings.failures))
        lora.run()
        self.steps[LORA] = lora.steps
        yield from self._of_any(LORA, LORA_STEPS)
        yield answers.adapter_moves(LORA, self.steps[LORA])
        yield from self._of_the_method(LORA, sessions_of(lora, LORA_STEPS))

    def _of_any(self, name: str, last: int) -> Iterator[Answer]:
        """What holds of every training."""
        steps = self.steps[name]
        yield answers.steps_are_whole(name, steps, last)
        yield answers.probabilities_agree(name, steps)
        yield answers.weights_move(name, steps)
        yield answers.peak_memory(name, steps)

    def _of_the_method(self, name: str, sessions: Sessions) -> Iterator[Answer]:
        """What holds where the model reflects."""
        yield answers.groups_are_full(name, sessions, self.trainings.batch, self.trainings.group)
        yield answers.attempts_are_shared(name, sessions)
        yield answers.nothing_died(name, self.steps[name])
        yield answers.text_stays_text(name, self.steps[name])
        yield answers.prefixes_are_cached(
            f"{name}, retries", retries_recalled(_all(sessions)), self.trainings.usual_block
        )


def sessions_of(launch: Launch, last: int) -> Sessions:
    """What a launch of the method was trained on, by step; nothing for a step that left nothing."""
    return {step: _written(launch, "rollout", step) for step in range(1, last + 1)}


def _written(launch: Launch, kind: str, step: int) -> list[Transcript]:
    folder = launch.folder / kind
    return read_transcripts(folder, step) if transcript_file(folder, step).exists() else []


def _all(sessions: Sessions) -> Sequence[Transcript]:
    return [session for of_step in sessions.values() for session in of_step]


def _written_by_stock(values: Mapping[str, float]) -> float:
    """Tokens that the model wrote, for each row of a step."""
    return values["response_length/mean"]


def _written_by_ours(values: Mapping[str, float]) -> float:
    """The same: a row is a reflection, and attempts and retries come on top."""
    return values["response_length/mean"] * values["reflect/generated_tokens_per_trained_token"]
