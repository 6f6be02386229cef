"""A step with live first attempts, from the replay buffer's side: when to hand out more tasks, and when it is over."""

from collections.abc import Set
from dataclasses import dataclass, field

from verl_reflect.rollout.places import Attempt
from verl_reflect.rollout.usher import RunningUsher, Standing
from verl_reflect.training.account import NOT_REPORTED
from verl_reflect.training.queue import Seen
from verl_reflect.training.waves import Share, attempts_for


@dataclass(frozen=True)
class Look:
    """What a look at the step said."""

    attempts: dict[str, Attempt]
    """Of the groups that ended without rows."""
    more: int
    """Tasks to hand out now."""
    batch: Set[str] | None
    """The groups to train on, once the batch is full and nothing is on its way."""


@dataclass
class LiveStep:
    """One step after another. What is kept between them is how often tasks pass and groups are lost."""

    places: int
    """Groups that a step trains on."""
    most: int
    """Tasks that a step may hand out (`reflect.max_replaced_groups`)."""
    passes: Share = field(default_factory=Share)
    losses: Share = field(default_factory=Share)
    longest_chain: int = 0
    """Of the step that ended last."""
    _lost: int = 0
    _released: bool = False

    def look(self, usher: RunningUsher, seen: Seen) -> Look:
        """Tell the usher what ended, and see how the step stands."""
        lost = seen.failed | seen.flat.keys()
        self._lost += len(lost)
        standing = usher.standing([*lost, *seen.without_rows], list(seen.without_rows))
        full = not standing.vacant and standing.holders <= seen.ready
        if full and not self._released:
            usher.release()
            self._released = True
        over = full and not seen.on_their_way
        attempts = {group: standing.attempts.get(group, NOT_REPORTED) for group in seen.without_rows}
        return Look(attempts, 0 if full else self._more(standing), standing.holders if over else None)

    def _more(self, standing: Standing) -> int:
        """Enough for the vacant places; at the first look for those too that are likely to become vacant."""
        tally = standing.tally
        passes = self.passes.during(tally.passed, tally.attempted, tally.dispatched)
        losses = self.losses.during(self._lost, 0, tally.dispatched)
        share = max((1 - passes) * (1 - losses), 1 / self.most)
        wanted = attempts_for(standing.vacant, share)
        if not self.passes.tried:
            wanted = min(wanted, tally.dispatched)  # a guess from the first few: at most twice as many
        elif tally.dispatched == self.places:
            wanted = max(wanted, attempts_for(self.places, share) - self.places)
        return max(0, min(wanted, self.most - tally.dispatched))

    def end(self, usher: RunningUsher) -> None:
        """The batch is taken, and nothing is on its way."""
        tally = usher.standing([], []).tally
        usher.end_step()
        self.passes.step(tally.passed, tally.attempted)
        self.losses.step(self._lost, self._lost + self.places)
        self.longest_chain = tally.longest_chain
        self._lost, self._released = 0, False
