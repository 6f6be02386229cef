"""verl's `file` logger: one JSON line for each step, `{"step": ..., "data": {name: number}}`."""

import json
from dataclasses import dataclass
from pathlib import Path

FILE_NAME = "metrics.jsonl"
"""Where a run folder has it: start verl with `trainer.logger=[console,file]` and VERL_FILE_LOGGER_PATH set to it."""


@dataclass(frozen=True)
class StepMetrics:
    """What verl logged at one step. A number that was not finite is missing."""

    step: int
    values: dict[str, float]


def read_metrics(path: Path) -> list[StepMetrics]:
    """All complete lines; a last one that is still being written is left for the next look.

    Raises ValueError for a line that is not one of verl's.
    """
    *lines, _unfinished = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return [_step(path, number, line) for number, line in enumerate(lines, start=1)]


def _step(path: Path, number: int, line: str) -> StepMetrics:
    try:
        record = json.loads(line)
        values = {name: float(value) for name, value in record["data"].items() if isinstance(value, int | float)}
        return StepMetrics(int(record["step"]), values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}, line {number}, is not a line of verl's file logger.") from error
