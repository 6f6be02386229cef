"""The rounds of a race: the contestants in turn, so that what else the machine does falls on all of them.

What is finished is kept in the folder and not run again. What is told is the median over the rounds.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from recipes.race.contestants import CONTESTANTS
from recipes.race.course import Course, make_failures
from recipes.race.lap import Lap, run


@dataclass(frozen=True)
class Race:
    """Who runs over what, how often, and where."""

    course: Course
    out: Path
    names: Sequence[str]
    rounds: int
    interpreter: Path
    """That has TRL."""

    def laps(self, console: Console) -> dict[str, list[Lap]]:
        """Run what is not there yet; the laps by contestant. Raises TrainingError if one fails."""
        make_failures(self.course)
        laps: dict[str, list[Lap]] = {name: [] for name in self.names}
        for name, folder in self._runs():
            if not (folder / "lap.json").exists():
                console.print(f"{name}; log: {folder / 'run.log'}")
                self._run(name, folder)
            laps[name].append(Lap(**json.loads((folder / "lap.json").read_text(encoding="utf-8"))))
        return laps

    def _runs(self) -> Iterator[tuple[str, Path]]:
        for number in range(self.rounds):
            for name in self.names:
                yield name, self.out / f"{name}-{number}"

    def _run(self, name: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        command = CONTESTANTS[name](self.course, folder, self.interpreter)
        lap = run(command, folder, self.course.sessions)
        (folder / "lap.json").write_text(json.dumps(asdict(lap), indent=1) + "\n", encoding="utf-8")


def medians(laps: Sequence[Lap]) -> dict[str, Any]:
    """Over a contestant's laps; what is by part or process over those laps that have it."""
    values = [asdict(lap) for lap in laps]
    return {key: _median([value[key] for value in values]) for key in values[0]}


def _median(values: Sequence[Any]) -> Any:
    if isinstance(values[0], dict):
        names = {name for value in values for name in value}
        return {name: median(value.get(name, 0.0) for value in values) for name in sorted(names)}
    return median(values)
