"""Thresholds on a training's metrics: warn, or stop the run, when one is crossed for some steps in a row.

How many steps in a row a guard has been crossed is the only state. verl saves none of a sampler's, so it is written to
`guards.jsonl` beside the checkpoints, one line a step. A run that resumes at step n goes on from what was counted at
step n - 1, whichever step it had reached before; where the file is gone it counts anew, and a guard acts at most
`steps` steps late.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from verl_reflect.config import ACTIONS, Guard
from verl_reflect.records.whole_file import add_whole

FILE = "guards.jsonl"

logger = logging.getLogger(__name__)


class GuardCrossedError(RuntimeError):
    """A guard with `action: stop` ends the run."""


class Watch:
    """Looks at the metrics of each training step.

    Args:
        guards: `reflect.guards`.
        folder: `trainer.default_local_dir`, where the counts are kept.
        run: Which run this is (records/run.py). The counts of another one in the same folder are not looked at.
    """

    def __init__(self, guards: Sequence[Guard], folder: Path, run: str = ""):
        self._guards, self._run = guards, run
        self._file = folder / FILE
        self._counts: dict[str, int] | None = None  # of the step before; None at the first one of a process

    def look(self, step: int, metrics: Mapping[str, float]) -> None:
        """Count, remember and act.

        Args:
            step: The training step, `global_steps` of verl.
            metrics: Its metrics by full name.

        Raises:
            GuardCrossedError: for a guard that stops. Warnings of the same step are logged before.
        """
        if not self._guards:
            return
        before = self._read(step - 1) if self._counts is None else self._counts
        crossed = [guard for guard in self._guards if guard.metric in metrics and guard.crossed(metrics[guard.metric])]
        counts = {str(guard): before.get(str(guard), 0) + 1 for guard in crossed}
        self._remember(step, counts)
        for guard in sorted(crossed, key=lambda guard: ACTIONS.index(guard.action)):
            self._act(guard, metrics[guard.metric], counts[str(guard)])

    @staticmethod
    def _act(guard: Guard, value: float, steps: int) -> None:
        if guard.action == "stop" and steps >= guard.steps:
            raise GuardCrossedError(f"{guard.said(value, steps)} A guard in reflect.guards ends the run.")
        if guard.action == "warn" and steps == guard.steps:
            logger.warning("verl-reflect: %s", guard.said(value, steps))

    def _read(self, step: int) -> dict[str, int]:
        """What the file has of a step; nothing if it was not looked at."""
        try:
            lines = self._file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        # The last line of that step: a run that was resumed has some steps twice.
        mine = (line for line in map(_from_json, lines) if line.get("run", self._run) == self._run)
        of_step = [line["crossed"] for line in mine if line.get("step") == step]
        return of_step[-1] if of_step else {}

    def _remember(self, step: int, counts: dict[str, int]) -> None:
        self._counts = counts
        line = json.dumps({"step": step, "crossed": counts, "run": self._run}) + "\n"
        try:
            add_whole(self._file, line.encode())
        except OSError as error:  # the counts go on here; only a run that resumes would miss them
            logger.warning("verl-reflect: the counts of reflect.guards at step %s are not kept: %s", step, error)


def _from_json(line: str) -> dict[str, Any]:
    """Nothing for a line that a dying process left half written."""
    try:
        return dict(json.loads(line))
    except ValueError:
        return {}
