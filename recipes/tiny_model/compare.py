"""`make compare`: every credit choice and every control, over several seeds, in one table.

The trainings differ in the overrides of COMPARED and in nothing else: same start, same failures, as many updates, same
held-out items. Plain GRPO and blind retries have groups twice as large, so that a step generates about as many tokens
as one with a reflection before each retry.

At the end of each training the same failures are tried again after the model's own reflection, with no reflection,
after a fixed sentence and after another task's reflection. And all reflections are handed to the untrained model, which
retries: did training make better reflections, or a better solver?
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
from rich.console import Console

from verl_reflect.demo.command import follow
from verl_reflect.demo.data import CHECKPOINT, SECOND_TRIES, make_data
from verl_reflect.demo.training import ToyTraining
from verl_reflect.records.parquet import write_dataset
from verl_reflect.records.transcripts import Utterance

COMPARED: dict[str, tuple[str, ...]] = {
    "reflection": (),
    "reflection+retry": ("reflect.credit=reflection+retry",),
    "retry": ("reflect.credit=retry",),
    "all": ("reflect.credit=all", "reflect.first_attempt=live"),
    "blind": ("+recipe=blind_retry_grpo", "actor_rollout_ref.rollout.n=16"),
    "grpo": ("+recipe=grpo", "actor_rollout_ref.rollout.n=16"),
    "shuffled": ("reflect.control=shuffled",),
}
"""What is trained, and how verl is told."""
LABELS = {
    "reflection": "the reflection: the method",
    "reflection+retry": "reflection and retry",
    "retry": "the retry after a reflection",
    "all": "attempt, reflection and retry",
    "blind": "a blind retry",
    "grpo": "first attempts: plain GRPO",
    "shuffled": "the reflection, rewards shuffled",
}
SEEDS = (1, 2, 3)
STEPS = 20


@dataclass(frozen=True)
class ComparedTrainings:
    """The trainings of all choices and seeds, in one folder."""

    out: Path
    seeds: Sequence[int] = SEEDS

    def training(self, name: str, seed: int) -> ToyTraining:
        """One of them. Only the method's is validated before training too: the start is the same for all."""
        folder = self.out / f"{name}-{seed}"
        validated = () if name == "reflection" else ("trainer.val_before_train=False",)
        return ToyTraining(folder, self.data, CHECKPOINT, seed, STEPS, STEPS, (*COMPARED[name], *validated))

    @property
    def data(self) -> Path:
        """Failures to train on, and held-out items with all ways to a second try."""
        return self.out / "data"

    def trainings(self) -> Iterator[ToyTraining]:
        """All of them, seed by seed."""
        return (self.training(name, seed) for seed in self.seeds for name in COMPARED)

    @property
    def handed_over(self) -> ToyTraining:
        """The untrained model's retries after the reflections of each training: one validation, no training."""
        overrides = ("trainer.val_only=True", "trainer.total_training_steps=1")
        return ToyTraining(self.out / "handed_over", self.out / "reflections", CHECKPOINT, 0, 0, -1, overrides)

    def run(self, console: Console) -> None:
        """Run what is not there yet. Raises TrainingError if one fails."""
        make_data(self.data, CHECKPOINT, second_tries=tuple(SECOND_TRIES), seed=0)
        for training in self.trainings():
            if not training.finished:
                console.print(f"{training.folder.name}; log: {training.log}")
                follow(training, console)
        if not self.handed_over.finished:
            console.print("The untrained model retries after each model's reflections.")
            self._write_reflections()
            follow(self.handed_over, console)

    def _write_reflections(self) -> None:
        """Held-out failures with the reflection that each trained model wrote on them, for `stored_reflection` rows."""
        items = parquet.read_table(self.data / "validation.parquet").to_pylist()
        failures = {row["extra_info"]["index"]: row for row in items if row["data_source"] == "countdown/reflect"}
        rows = [
            _with_reflection(failures[told.index], told.reflection, handed_over_source(name, seed))
            for seed in self.seeds
            for name in COMPARED
            for told in self.training(name, seed).validation(STEPS)
            if told.reflection and told.data_source == "countdown/reflect"
        ]
        folder = self.handed_over.data
        write_dataset(folder / "validation.parquet", rows, {"source": "reflections of the trained models"})
        (folder / "train.parquet").write_bytes((self.data / "train.parquet").read_bytes())


def handed_over_source(name: str, seed: int) -> str:
    """`data_source` of a training's reflections in the hands of the untrained model."""
    return f"countdown/{name}-{seed}"


def _with_reflection(failure: dict[str, Any], written: Utterance, data_source: str) -> dict[str, Any]:
    return {
        **failure,
        "data_source": data_source,
        "agent_name": "stored_reflection",
        "reflection": written.text,
        "reflection_ids": list(written.token_ids),
    }
