"""What the cells say together: every number as the mean over seeds, with Student's 95 % interval."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes.replication.grid import Cell
from verl_reflect.statistics import Estimate, over_seeds, share_over_seeds

START = "start"


@dataclass(frozen=True)
class Findings:
    """The results of all cells, by cell."""

    cells: Mapping[Cell, Mapping[str, Any]]
    seeds: Sequence[int]

    def settings(self, size: str) -> "list[Setting]":
        """Tasks and architectures at one size; none where that size was left out."""
        found = {Setting(cell.architecture, cell.size, cell.world): None for cell in self.cells if cell.size == size}
        return sorted(found, key=lambda setting: list(TITLES).index(setting.world))

    @property
    def all_settings(self) -> "list[Setting]":
        """Those of the small models, then those of the large ones."""
        return [*self.settings("small"), *self.settings("large")]

    def values(self, setting: "Setting", trained: str, measure: str, world: str = "") -> list[float]:
        """One value a seed. `world` is the one examined in, if it is not the one trained in."""
        results = (self.cells[setting.cell(seed)][trained] for seed in self.seeds)
        return [result["exams"][world or setting.world][measure] for result in results]

    def share(self, setting: "Setting", trained: str, measure: str, world: str = "") -> Estimate:
        """A measure, over seeds."""
        return share_over_seeds(self.values(setting, trained, measure, world))

    def gain(self, setting: "Setting", trained: str, measure: str, world: str = "") -> Estimate:
        """What training changed: on the same items, seed by seed."""
        before = self.values(setting, START, measure, world)
        after = self.values(setting, trained, measure, world)
        return difference(before, after)

    def mean(self, setting: "Setting", trained: str, number: str) -> float:
        """Of a number that a training has, such as its seconds."""
        return sum(self.cells[setting.cell(seed)][trained][number] for seed in self.seeds) / len(self.seeds)


@dataclass(frozen=True)
class Setting:
    """What is the same for all seeds."""

    architecture: str
    size: str
    world: str

    def cell(self, seed: int) -> Cell:
        return Cell(self.architecture, self.size, self.world, seed)

    @property
    def title(self) -> str:
        """With the size."""
        return f"{self.size}: {self.label}"

    @property
    def label(self) -> str:
        return f"{TITLES[self.architecture]}, {TITLES[self.world]}"


TITLES = {"qwen2": "Qwen2", "llama": "Llama", "countdown": "Countdown", "calls": "function calls"}


def difference(before: Sequence[float], after: Sequence[float]) -> Estimate:
    """Mean of the differences after - before, one a seed."""
    return over_seeds([new - old for old, new in zip(before, after, strict=True)])


def read_findings(out: Path, cells: Sequence[Cell]) -> Findings:
    """The findings of these cells, all of which must be in `out`."""
    results = {cell: json.loads(cell.path(out).read_text(encoding="utf-8")) for cell in cells}
    return Findings(results, sorted({cell.seed for cell in cells}))
