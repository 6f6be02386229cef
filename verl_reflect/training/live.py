"""A step with live first attempts, from the replay buffer's side: when to hand out more tasks, and when it is over."""

from collections.abc import Set
from dataclasses import dataclass, field

from verl_reflect.rollout.places import Attempt
from verl_reflect.rollout.usher import RunningUsher, Standing
from verl_reflect.training.account import NOT_REPORTED
from verl_reflect.training.queue import Seen
from verl_reflect.training.waves import Odds, attempts_for


@dataclass(frozen=True)
class Look:
    """What a look at the step said."""

    attempts: dict[str, Attempt]
    """Of the groups that ended without rows."""
    more: int
    """Tasks to hand out now."""
    batch: Set[str] | None
    """The groups to train on, once the batch is full and can be taken."""


@dataclass
class LiveStep:
    """One step after another. What is kept between them is how often tasks pass and groups are lost."""

    places: int
    """Groups that a step trains on."""
    most: int
    """Tasks that a step may hand out (`reflect.max_replaced_groups`)."""
    odds: Odds = field(default_factory=Odds)
    longest_chain: int = 0
    """Of the step that ended last."""
    _released: bool = False

    def look(self, usher: RunningUsher, seen: Seen) -> Look:
        """Tell the usher what ended, and see how the step stands."""
        self.odds.lost += len(seen.lost)
        standing = standing_after(seen, usher)
        holders = frozenset(standing.holders)
        full = not standing.vacant and holders <= seen.ready
        if full and not self._released:
            usher.release()
            self._released = True
        over = full and not seen.on_their_way
        return Look(ended(seen, standing), 0 if full else self._more(standing), holders if over else None)

    def _more(self, standing: Standing) -> int:
        """Enough for the vacant places; at the first look for those too that are likely to become vacant."""
        tally = standing.tally
        share = max(self.odds.share(tally), 1 / self.most)
        wanted = attempts_for(standing.vacant, share)
        if not self.odds.known:
            wanted = min(wanted, tally.dispatched)  # a guess from the first few: at most twice as many
        elif tally.dispatched == self.places:
            wanted = max(wanted, attempts_for(self.places, share) - self.places)
        return max(0, min(wanted, self.most - tally.dispatched))

    def end(self, usher: RunningUsher) -> None:
        """The batch is taken, and nothing is on its way."""
        tally = usher.standing([], []).tally
        usher.end_step()
        self.odds.step(tally, self.places)
        self.longest_chain = tally.longest_chain
        self._released = False


def standing_after(seen: Seen, usher: RunningUsher) -> Standing:
    """How the step stands once those groups have left it that will not be trained."""
    return usher.standing([*seen.lost, *seen.without_rows], list(seen.without_rows))


def ended(seen: Seen, standing: Standing) -> dict[str, Attempt]:
    """The attempts of the groups that ended without rows."""
    return {group: standing.attempts.get(group, NOT_REPORTED) for group in seen.without_rows}
