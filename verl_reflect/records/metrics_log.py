"""verl's `file` logger: one JSON line for each step, `{"step": ..., "data": {name: number}}`.

verl empties the file whenever it starts. A run that goes on keeps what earlier starts wrote as `metrics.1.jsonl`,
`metrics.2.jsonl`, … beside it; all of them together are the log of the run.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from verl_reflect.records.whole_file import writing

FILE_NAME = "metrics.jsonl"
"""Where a run folder has it: start verl with `trainer.logger=[console,file]` and VERL_FILE_LOGGER_PATH set to it."""


@dataclass(frozen=True)
class StepMetrics:
    """What verl logged at one step. A number that was not finite is missing."""

    step: int
    values: dict[str, float]


def parts_of(path: Path) -> list[Path]:
    """The files that a log consists of, the oldest first; those that are empty are left out."""
    numbered = re.compile(rf"{re.escape(path.stem)}\.(\d+){re.escape(path.suffix)}")
    found = [(int(match[1]), each) for each in path.parent.glob("*") if (match := numbered.fullmatch(each.name))]
    parts = [*(each for _, each in sorted(found)), path]
    return [each for each in parts if each.is_file() and each.stat().st_size]


def keep_earlier(path: Path) -> None:
    """Put what is in the log where verl does not empty it. Raises OSError, in one sentence."""
    parts = parts_of(path)
    if path in parts:
        number = 1 + max((int(each.suffixes[-2][1:]) for each in parts if each != path), default=0)
        with writing(path):
            path.rename(path.with_suffix(f".{number}{path.suffix}"))


def read_run(path: Path) -> list[StepMetrics]:
    """The whole log of a run, a step once, in order. Raises ValueError for a line that is not one of verl's.

    A start that goes on from step n validates it again and then does step n + 1. What an earlier start logged later
    than n is no longer part of the run.
    """
    steps: dict[int, StepMetrics] = {}
    for part in map(read_metrics, parts_of(path)):
        goes_on_from = min((each.step for each in part), default=None)
        if goes_on_from is not None:
            steps = {step: each for step, each in steps.items() if step <= goes_on_from}
            steps |= {each.step: _joined(steps.get(each.step), each) for each in part}
    return [steps[step] for step in sorted(steps)]


def _joined(earlier: StepMetrics | None, later: StepMetrics) -> StepMetrics:
    return StepMetrics(later.step, {**earlier.values, **later.values}) if earlier else later


def read_metrics(path: Path) -> list[StepMetrics]:
    """All complete lines of one file; a last one that is still being written is left for the next look.

    Raises ValueError for a line that is not one of verl's.
    """
    *lines, _unfinished = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return [_step(path, number, line) for number, line in enumerate(lines, start=1)]


def last_step(logged: Iterable[StepMetrics]) -> int:
    """The latest; -1 without any."""
    return max((each.step for each in logged), default=-1)


def _step(path: Path, number: int, line: str) -> StepMetrics:
    try:
        record = json.loads(line)
        values = {name: float(value) for name, value in record["data"].items() if isinstance(value, int | float)}
        return StepMetrics(int(record["step"]), values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}, line {number}, is not a line of verl's file logger.") from error
