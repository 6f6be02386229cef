"""How many tasks to attempt at once, so that a step soon has the failures it needs and few more.

To replace each passed task by one other when it is over means a chain of attempts, one after another, on accelerators
that are nearly idle: 27 of them at a pass rate of 0.8. So as many are handed out at the start as are likely to hold a
full batch, from the pass rate of the steps before; and should they not, as many again as the missing ones need.

The numbers decide how long a step takes, and nothing about which groups it trains on (rollout/places.py).
"""

import math
from dataclasses import dataclass, field

from verl_reflect.rollout.usher import Tally

MARGIN = 1.5
"""Standard deviations by which a wave is larger than it must be on average: one in 15 is too small."""
MEMORY = 0.7
"""Weight that the steps so far keep when another one is over: the model changes."""


def attempts_for(places: int, share: float) -> int:
    """Fewest attempts of which `places` are likely to be needed, if each is with probability `share`.

    The smallest n with n q - MARGIN sqrt(n q (1 - q)) >= places, q being the share.
    """
    if places <= 0:
        return 0
    spread = MARGIN**2 * (1 - share)
    return math.ceil((2 * places + spread + math.sqrt(spread * (spread + 4 * places))) / (2 * share))


@dataclass
class Share:
    """How often something happened in the steps so far, the older counting less."""

    happened: float = 0.0
    tried: float = 0.0

    def step(self, happened: float, tried: float) -> None:
        """Another step is over."""
        self.happened = MEMORY * self.happened + happened
        self.tried = MEMORY * self.tried + tried

    def during(self, happened: float, tried: float, begun: float) -> float:
        """The share to reckon with in the middle of a step.

        That of the steps before, or in the first step of those that are over. What is over is a biased sample: short
        attempts end first. But so many as have happened of all that were begun it is at least.
        """
        before = self.happened / self.tried if self.tried else (happened + 1) / (tried + 2) if tried else 0.0
        return max(before, happened / begun if begun else 0.0)


@dataclass
class Odds:
    """How likely a task that is handed out becomes a group to train on."""

    passes: Share = field(default_factory=Share)
    losses: Share = field(default_factory=Share)
    lost: int = 0
    """Groups lost in this step so far."""

    @property
    def known(self) -> bool:
        """A step has ended."""
        return bool(self.passes.tried)

    def share(self, tally: Tally) -> float:
        """0 to 1, in the middle of a step."""
        begun = max(tally.dispatched, tally.attempted)  # an attempt may be of a task that a step before handed out
        passes = self.passes.during(tally.passed, tally.attempted, begun)
        return (1 - passes) * (1 - self.losses.during(self.lost, 0, begun))

    def step(self, tally: Tally, trained: int) -> None:
        """Another step is over, and has trained so many groups."""
        self.passes.step(tally.passed, tally.attempted)
        self.losses.step(self.lost, self.lost + trained)
        self.lost = 0
