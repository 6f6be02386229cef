"""Which of a step's tasks go on to reflect: the first that the model fails, in the order in which they were handed out.

A step has as many places as its batch has groups. They are given in order of dispatch, before anything is known of the
tasks. A task that passes at its first attempt gives its place to the next in line, and so does a group that is lost
later: one whose session died, or that `algorithm.filter_groups` throws away. A group with a place whose attempt failed
reflects at once; one without waits, for a place or for the end of the step.

So who is trained depends on the order and on the verdicts alone, never on who was quick: a step that took the first
failures to *arrive* would train on short attempts, which are not like the others.

Under verl's asynchronous trainers a line does not end with a step: there are places for all the batches that verl keeps
on their way, a step trains those at the head of the line, and the next ones move up.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Attempt:
    """What became of a task's first attempt, or of all of them where a task that passes is attempted again."""

    passed: bool
    made: int
    """Attempts that the model made; 0 if the data carry one."""
    tokens: int
    """Of all of these."""


class Places:
    """The places of one step, or of a line that goes on, and who holds them.

    Args:
        count: Groups that may reflect at a time.
    """

    def __init__(self, count: int):
        self._count = count
        self._holders: dict[str, None] = {}  # an ordered set
        self._line: deque[str] = deque()
        self._gone: set[str] = set()

    def dispatched(self, groups: Iterable[str]) -> None:
        """These groups, by uid, were handed out, in this order and after all others."""
        self._line.extend(groups)
        self._give()

    def give_up(self, group: str) -> None:
        """A group leaves: it passed, was lost, or is trained. May be said twice."""
        if group in self._holders:
            del self._holders[group]
        elif group in self._line:
            self._gone.add(group)
        self._give()

    def _give(self) -> None:
        while self.vacant and self._line:
            first = self._line.popleft()
            if first in self._gone:
                self._gone.remove(first)
            else:
                self._holders[first] = None

    @property
    def holders(self) -> tuple[str, ...]:
        """Groups that have a place, in order of dispatch."""
        return tuple(self._holders)

    @property
    def waiting(self) -> tuple[str, ...]:
        """Groups without a place, in order of dispatch."""
        return tuple(group for group in self._line if group not in self._gone)

    @property
    def vacant(self) -> int:
        """Places for which there is nobody: so many more failures are needed for a full batch."""
        return self._count - len(self._holders)

    def has(self, group: str) -> bool:
        """Whether it has a place. Once it has, it keeps it unless it gives it up itself."""
        return group in self._holders
