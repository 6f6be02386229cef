"""How often the model passes each task of the data, as the training goes on.

A task that always fails or always passes gives groups without a difference, and no gradient. The rate here counts all
tries of a task, first attempts and retries, because either kind of difference teaches: a task that passes now and then
at the first try has failures to reflect on, and one that only ever passes at the second has reflections to tell apart.

verl makes the data set, the agent loop manager and the replay buffer apart from each other, all in the trainer's
process, and hands none of them to another. So the rates are one object of that process, PASS_RATES: the data set asks
it (dataset.py), the manager tells it which group is of which row, and the replay buffer tells it what became of
the group.
"""

from dataclasses import dataclass
from typing import Any

MEMORY = 0.7
"""Weight that what was known of a task keeps when it is tried again: the model changes."""
LEAST_WEIGHT = 0.05
"""Of a task that seems hopeless or solved: it is still looked at now and then."""


@dataclass
class Tries:
    """Tries of one task so far, older ones counting less."""

    passed: float = 0.0
    made: float = 0.0

    @property
    def edge(self) -> float:
        """4 p (1 - p), with half a pass and half a failure added: 1 at p = 1/2 and for a task not tried yet."""
        p = (self.passed + 0.5) / (self.made + 1)
        return max(LEAST_WEIGHT, 4 * p * (1 - p))


class PassRates:
    """Tries by row of the training data."""

    def __init__(self) -> None:
        self._tries: dict[int, Tries] = {}
        self._row_of: dict[str, int] = {}

    def weight(self, row: int) -> float:
        """How worthwhile a row is to draw, from LEAST_WEIGHT to 1."""
        return self._tries.get(row, Tries()).edge

    def drawn(self, group: str, row: int) -> None:
        """A group (its `uid`) is made of this row."""
        self._row_of[group] = row

    def tried(self, group: str, passed: float, made: float) -> None:
        """What became of a group. One that is not of a known row, or was never tried, changes nothing."""
        row = self._row_of.pop(group, None)
        if row is None or made == 0:
            return
        before = self._tries.get(row, Tries())
        self._tries[row] = Tries(MEMORY * before.passed + passed, MEMORY * before.made + made)

    def forget_drawn(self) -> None:
        """No group is on its way: what has not come back was thrown away."""
        self._row_of.clear()

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint. Groups on their way are left out: a resumed run starts its step anew."""
        return {"tries": {row: (tries.passed, tries.made) for row, tries in self._tries.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._tries = {row: Tries(*tries) for row, tries in state["tries"].items()}
        self._row_of = {}


PASS_RATES = PassRates()
"""Those of the training in this process."""
