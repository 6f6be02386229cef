"""Which groups a step gets under verl's asynchronous trainers: those at the head of the line.

verl keeps more than one batch on its way there, and its own buffer takes whatever is ready: the short sessions of a
batch are trained first, and the long ones when they are old, or, with `max_off_policy_strategy=drop`, never. Here the
groups of all batches stand in one line, in order of dispatch. A task that passes leaves it, and so does a group that is
lost; a step trains the first of those that remain, and waits until they all have ended. So which failures are trained,
and at which step, depends on the order and the verdicts alone, as in a synchronous step (rollout/places.py). The price
is that a step may wait for one slow group while later ones are ready; but the next batch is generated meanwhile, so
that little is lost (docs/asynchronous.md).

Two things depend on speed nevertheless, and cannot be otherwise: which weights wrote a turn, and so, where attempts are
live, how a task's verdict came out. verl decides when weights change, and drops groups by the age of their *dispatch*:
of a line that moves up by a batch a step, that age is a matter of position.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field

from verl_reflect.rollout.usher import RunningUsher, Standing
from verl_reflect.training.account import NOT_REPORTED
from verl_reflect.training.live import Look, ended, standing_after
from verl_reflect.training.queue import Seen
from verl_reflect.training.waves import Odds, attempts_for


def head(line: Sequence[str], batch_size: int, ready: Set[str]) -> Set[str] | None:
    """The first so many of a line, once all of them can be trained on."""
    first = frozenset(line[:batch_size])
    return first if len(first) == batch_size and first <= ready else None


class StoredLine:
    """A line of groups whose failed attempts are of the data: all of them reflect at once."""

    def __init__(self) -> None:
        self._groups: dict[str, None] = {}  # an ordered set

    def dispatched(self, groups: Iterable[str]) -> None:
        """These groups, by uid, were handed out, in this order and after all others."""
        self._groups |= dict.fromkeys(groups)

    def leave(self, groups: Iterable[str]) -> None:
        """These are trained, or never will be."""
        for group in groups:
            self._groups.pop(group, None)

    def clear(self) -> None:
        """Nothing is on its way."""
        self._groups.clear()

    def look(self, seen: Seen, batch_size: int) -> Look:
        """Let go what ended. verl replaces it one for one."""
        self.leave([*seen.lost, *seen.without_rows])
        batch = head(list(self._groups), batch_size, seen.ready)
        return Look(dict.fromkeys(seen.without_rows, NOT_REPORTED), 0, batch)


@dataclass
class LiveLine:
    """A line of tasks that the model attempts first; the usher keeps it.

    A failure that finds no place waits in it for the next step, and is lost to none.
    """

    most_more: int
    """Tasks that a step may hand out beyond those that verl keeps on their way (`reflect.max_replaced_groups`)."""
    odds: Odds = field(default_factory=Odds)
    longest_chain: int = 0
    """Of the step that ended last."""

    def look(self, usher: RunningUsher, seen: Seen, batch_size: int) -> Look:
        """Tell the usher what ended, and see how the line stands."""
        self.odds.lost += len(seen.lost)
        standing = standing_after(seen, usher)
        batch = head(standing.holders, batch_size, seen.ready)
        return Look(ended(seen, standing), 0 if batch else self._more(standing), batch)

    def _more(self, standing: Standing) -> int:
        """So many that, with those in line whose attempts are not over, the places will have failures enough."""
        tally, places = standing.tally, len(standing.holders) + standing.vacant
        most = places + self.most_more
        share = max(self.odds.share(tally), 1 / most)
        wanted = attempts_for(places - standing.failures, share) - standing.undecided
        if not self.odds.known:
            wanted = min(wanted, standing.vacant, tally.dispatched)  # a guess from the first few
        return max(0, min(wanted, most - tally.dispatched))

    def trained(self, usher: RunningUsher, groups: Sequence[str]) -> None:
        """A step has taken these."""
        tally = usher.standing([], []).tally
        usher.trained(groups)
        self.odds.step(tally, len(groups))
        self.longest_chain = tally.longest_chain
