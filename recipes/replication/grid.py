"""Everything that is trained and examined, cell by cell; a cell that is on disk is not done again.

A cell is an architecture, a size, a world and a seed. Its start is examined in both worlds; then each choice of what to
train begins at the start again, trains in the cell's world, and is examined in both. Small models are trained in every
way, large ones with the method alone.
"""

import json
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch

from recipes.replication.checkpoints import load_start
from recipes.replication.evaluation import ITEMS, Exam, make_exam
from recipes.replication.language import WORLDS, tokenizer
from recipes.replication.models import ARCHITECTURES, Model
from recipes.replication.rollout import Rollout, Try, failures
from recipes.replication.training import CHOICES, STEPS, train
from recipes.replication.world import drawn
from verl_reflect.records.whole_file import write_whole

TRAINED = {"large": ("method",), "small": tuple(CHOICES)}
"""What is trained at each size; the slowest come first, so that all processors stay busy to the end."""
SEEDS = (1, 2, 3)
TRAINING_FAILURES = 1500


@dataclass(frozen=True)
class Cell:
    """One start, one world to train in, one seed for items, draws and samples."""

    architecture: str
    size: str
    world: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.start}-{self.world}-{self.seed}"

    @property
    def start(self) -> str:
        """The name of the model that it starts from."""
        return f"{self.architecture}-{self.size}"

    def path(self, out: Path) -> Path:
        """Its results."""
        return out / f"{self.name}.json"


@dataclass(frozen=True)
class Work:
    """How much is done in each cell; less, for a test."""

    steps: int = STEPS
    items: int = ITEMS
    training_failures: int = TRAINING_FAILURES


def cells(sizes: Iterable[str] = TRAINED) -> Iterator[Cell]:
    """All cells of these sizes, in the order in which to do them."""
    order = product((size for size in TRAINED if size in sizes), ARCHITECTURES, WORLDS, SEEDS)
    return (Cell(architecture, size, world, seed) for size, architecture, world, seed in order)


def do(cell: Cell, out: Path, work: Work) -> Path:
    """Train and examine all of a cell on one processor core, and write what came of it."""
    torch.set_num_threads(1)
    language = tokenizer()
    start = load_start(cell.start)
    exams = {name: make_exam(Rollout(world, language), start, cell.seed, work.items) for name, world in WORLDS.items()}
    rollout = exams[cell.world].rollout
    failed = _training_failures(rollout, start, cell.seed, work.training_failures)
    results: dict[str, Any] = {"start": {"exams": _sit(exams, start)}}
    for name in TRAINED[cell.size]:
        results[name] = _trained(cell, name, rollout, failed, exams, work.steps)
    path = cell.path(out)
    write_whole(path, json.dumps(results, indent=1) + "\n")
    return path


def _training_failures(rollout: Rollout, start: Model, seed: int, count: int) -> list[Try]:
    rng = random.Random(f"training {seed}")
    torch.manual_seed(seed)
    return failures(rollout, start, drawn(rollout.world, rng, held_out=False), count)


def _trained(
    cell: Cell, name: str, rollout: Rollout, failed: list[Try], exams: dict[str, Exam], steps: int
) -> dict[str, Any]:
    model, began = load_start(cell.start), time.monotonic()
    curve = list(train(model, rollout, failed, CHOICES[name], cell.seed, steps))
    return {
        "seconds": round(time.monotonic() - began, 1),
        "success": [round(step.success, 4) for step in curve],
        "generated_tokens": sum(step.generated_tokens for step in curve) / steps,
        "exams": _sit(exams, model),
    }


def _sit(exams: dict[str, Exam], model: Model) -> dict[str, Any]:
    return {name: exam.sit(model) for name, exam in exams.items()}
