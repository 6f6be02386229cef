"""What the agent loop manager did in a step that the replay buffer must know of.

verl makes the two apart from each other, both in the trainer's process, and hands neither to the other. So it is one
object of that process, DISPATCH, as the pass rates are.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from verl_reflect.rollout.usher import RunningUsher
from verl_reflect.training.line import StoredLine


class Dispatch:
    """The groups of the present step by agent loop worker, and the usher whom they ask for a place."""

    def __init__(self) -> None:
        self.usher: RunningUsher | None = None
        """None where first attempts come from the data."""
        self.line = StoredLine()
        """The groups on their way, where there is no usher."""
        self._step = 0
        self._groups: Counter[Any] = Counter()

    def dispatched(self, groups: Sequence[str]) -> None:
        """These groups, by uid, are handed out, in this order and after all others."""
        if self.usher:
            self.usher.dispatched(groups)
        else:
            self.line.dispatched(groups)

    def least_busy_first(self, workers: Sequence[Any], step: int) -> list[Any]:
        """The workers, in the order of how few groups they were given in this step."""
        if step != self._step:
            self._step, self._groups = step, Counter(dict.fromkeys(workers, 0))
        return sorted(workers, key=lambda worker: self._groups[worker])

    def given(self, workers: Iterable[Any], groups: Iterable[int]) -> None:
        """These workers were given so many groups; those for whom none were left, none."""
        self._groups.update(dict(zip(workers, groups, strict=False)))

    @property
    def largest_share(self) -> float:
        """Groups of the busiest worker in this step, divided by the mean over all workers."""
        total = self._groups.total()
        return max(self._groups.values()) * len(self._groups) / total if total else 1.0


DISPATCH = Dispatch()
"""That of the training in this process."""
