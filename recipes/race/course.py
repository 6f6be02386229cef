"""What all contestants run over: the model, the failures, and the limits that are the same for each of them.

A failure's attempt is in the data for TRL and for verl-reflect: neither makes one. Stock verl has no such column
and makes its own: that is its way, and part of what it costs.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet

from verl_reflect.data.countdown import make_countdown
from verl_reflect.data.puzzles import PuzzleRanges
from verl_reflect.demo.data import CHECKPOINT, make_data
from verl_reflect.records.parquet import write_dataset

FAILURE = "I do not know."
"""What stands for a first attempt where no model has made one: it is read, and never trained."""


@dataclass(frozen=True)
class Course:
    """The same for every contestant. Lengths are in tokens."""

    model: Path
    data: Path
    """Folder with `train.parquet` and `validation.parquet`."""
    groups: int
    samples: int
    """Sessions of a group."""
    prompt_tokens: int
    attempt_tokens: int
    reflection_tokens: int
    retry_tokens: int
    request: str
    """What asks for a reflection."""
    learning_rate: float
    steps: int
    hardware: str = "cpu"
    """A choice of the group `hardware`."""

    @property
    def context(self) -> int:
        """Tokens of a whole session, with some for the template."""
        said = self.attempt_tokens + self.reflection_tokens + self.retry_tokens
        return 2 * self.prompt_tokens + said + 64

    @property
    def sessions(self) -> int:
        """Of a step."""
        return self.groups * self.samples

    @property
    def on_cpu(self) -> bool:
        return self.hardware == "cpu"

    def write(self, path: Path) -> None:
        """As JSON, for a contestant with another interpreter."""
        path.write_text(json.dumps(asdict(self), default=str), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Course":
        """What `write` wrote."""
        values = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**values, "model": Path(values["model"]), "data": Path(values["data"])})


def tiny(data: Path, steps: int) -> Course:
    """The demo's model at the demo's limits."""
    return Course(
        model=CHECKPOINT,
        data=data,
        groups=32,
        samples=8,
        prompt_tokens=32,
        attempt_tokens=16,
        reflection_tokens=20,
        retry_tokens=16,
        request="You got it wrong . Reflect on what went wrong .",
        learning_rate=4e-4,
        steps=steps,
    )


def of_any_model(model: Path, data: Path, groups: int, steps: int, hardware: str) -> Course:
    """A model's folder, at the limits of recipes/reflect_grpo/cpu_smollm2.sh."""
    return Course(
        model=model,
        data=data,
        groups=groups,
        samples=8,
        prompt_tokens=160,
        attempt_tokens=64,
        reflection_tokens=48,
        retry_tokens=64,
        request="Your answer was wrong. Reflect on what went wrong, and how to do better.",
        learning_rate=5e-7,
        steps=steps,
        hardware=hardware,
    )


def make_failures(course: Course) -> None:
    """Write the course's data, unless they are there: enough failures for each step to have its own."""
    train = course.groups * course.steps
    if (course.data / "train.parquet").exists():
        return
    if course.model == CHECKPOINT:
        make_data(course.data, CHECKPOINT, train=train, held_out=16, seed=0)
        return
    made = course.data / "made"
    ranges = PuzzleRanges(max_numbers=3)
    make_countdown(made, train=train, validation=16, test=16, seed=0, ranges=ranges, source=None)
    for name in ("train", "validation"):
        write_dataset(course.data / f"{name}.parquet", list(_failed(made / f"{name}.parquet")), {"source": "made up"})


def _failed(path: Path) -> Iterator[dict[str, Any]]:
    for row in parquet.read_table(path).to_pylist():
        yield {**row, "first_attempt": FAILURE}
