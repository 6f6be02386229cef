"""Shows groups to their places: one actor of the run, which agent loops ask whether to go on (places.py).

The agent loops of a step run in many processes, and whose turn it is depends on all of them. So each group reports its
first attempt here, once, and waits for the answer, which is the only thing it waits for. Nothing of it is held on a
model server meanwhile.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import ray
from ray.exceptions import RayActorError

from verl_reflect.rollout.places import Attempt, Places

WAITING = 100_000
"""Groups that may wait at a time. Ray's own limit of an actor's unanswered calls is 1,000."""


@dataclass
class Tally:
    """First attempts of a step so far."""

    dispatched: int = 0
    """Groups handed out."""
    attempted: int = 0
    """Those that reported their attempt."""
    passed: int = 0
    """Those of them that passed."""
    longest_chain: int = 0
    """First attempts that had to be made one after another, because the later was called for when the earlier was
    over."""


@dataclass(frozen=True)
class Standing:
    """How a step stands, or a line that goes on."""

    holders: tuple[str, ...]
    """Groups that have a place, in order of dispatch."""
    vacant: int
    failures: int
    """Groups, with a place or waiting for one, whose attempt failed."""
    undecided: int
    """Those whose attempt is not over."""
    attempts: dict[str, Attempt]
    """Of the groups asked for, those that reported one."""
    tally: Tally


class Usher:
    """The actor. Its methods are called from the trainer, but for `attempted`, which agent loops call.

    Args:
        places: Groups that may reflect at a time (places.py).
    """

    def __init__(self, places: int):
        self._count = places
        self._start()

    def _start(self) -> None:
        self._places = Places(self._count)
        self._attempts: dict[str, Attempt] = {}
        self._waiting: dict[str, asyncio.Future[bool]] = {}
        self._released = False
        self._tally = Tally()
        self._chains: dict[str, int] = {}  # attempts that a group's own comes after

    async def dispatched(self, groups: Sequence[str]) -> None:
        """The trainer hands these out, in this order."""
        called_for = self._tally.longest_chain if self._places.vacant else 0
        self._chains |= dict.fromkeys(groups, called_for)
        self._tally.dispatched += len(groups)
        self._places.dispatched(groups)
        self._show_in()

    async def attempted(self, group: str, attempt: Attempt) -> bool:
        """A group's first attempt is over. Returns whether the group goes on, as soon as that is known."""
        self._note(group, attempt)
        if attempt.passed:
            await self.give_up([group])
            return False
        if self._places.has(group) or self._released:
            return self._places.has(group)
        self._waiting[group] = asyncio.get_running_loop().create_future()
        return await self._waiting[group]

    def _note(self, group: str, attempt: Attempt) -> None:
        self._attempts[group] = attempt
        self._tally.attempted += 1
        self._tally.passed += attempt.passed
        self._tally.longest_chain = max(self._tally.longest_chain, self._chains.get(group, 0) + attempt.made)

    async def give_up(self, groups: Sequence[str]) -> None:
        """These leave their places to the next in line."""
        for group in groups:
            self._places.give_up(group)
        self._show_in()

    def _show_in(self) -> None:
        for group in [group for group in self._waiting if self._places.has(group)]:
            self._answer(group, goes_on=True)

    def _answer(self, group: str, *, goes_on: bool) -> None:
        answer = self._waiting.pop(group)
        if not answer.cancelled():  # its worker may have died meanwhile
            answer.set_result(goes_on)

    async def standing(self, given_up: Sequence[str], asked: Sequence[str]) -> Standing:
        """How the step stands after these have given up their places; with the attempts of those `asked` for."""
        await self.give_up(given_up)
        attempts = {group: self._attempts[group] for group in asked if group in self._attempts}
        self._forget(given_up)
        here = (*self._places.holders, *self._places.waiting)
        failures = sum(group in self._attempts for group in here)
        undecided = len(here) - failures
        return Standing(self._places.holders, self._places.vacant, failures, undecided, attempts, self._tally)

    def _forget(self, groups: Sequence[str]) -> None:
        for group in groups:
            self._attempts.pop(group, None)
            self._chains.pop(group, None)

    async def release(self) -> None:
        """The batch is full: whoever waits, or comes later without a place, ends here."""
        self._released = True
        for group in list(self._waiting):
            self._answer(group, goes_on=False)

    async def end_step(self) -> None:
        """Nothing is on its way. The next group to be handed out is the first of another step."""
        self._start()

    async def trained(self, groups: Sequence[str]) -> None:
        """A step takes these from the head of the line. The others move up, and the tally begins anew."""
        self._tally = Tally()
        await self.give_up(groups)
        self._forget(groups)


class UsherLostError(RuntimeError):
    """The actor died."""


class RunningUsher:
    """The actor as the trainer sees it: it starts it, it lives as long as this object, and it waits for its answers.

    All methods raise UsherLostError, in a sentence, if the actor is dead.

    Args:
        places: Groups that may reflect at a time (places.py).
    """

    def __init__(self, places: int):
        self.name = f"reflect_usher_{uuid4().hex}"
        """By which agent loops find it."""
        options = {"name": self.name, "num_cpus": 0, "max_concurrency": WAITING}
        self._actor: Any = ray.remote(Usher).options(**options).remote(places)

    def dispatched(self, groups: Sequence[str]) -> None:
        """See `Usher.dispatched`."""
        self._wait(self._actor.dispatched.remote(groups))

    def standing(self, given_up: Sequence[str], asked: Sequence[str]) -> Standing:
        """See `Usher.standing`."""
        standing = self._wait(self._actor.standing.remote(given_up, asked))
        assert isinstance(standing, Standing)
        return standing

    def release(self) -> None:
        """See `Usher.release`."""
        self._wait(self._actor.release.remote())

    def end_step(self) -> None:
        """See `Usher.end_step`."""
        self._wait(self._actor.end_step.remote())

    def trained(self, groups: Sequence[str]) -> None:
        """See `Usher.trained`."""
        self._wait(self._actor.trained.remote(groups))

    def _wait(self, answer: Any) -> Any:
        try:
            return ray.get(answer)
        except RayActorError as error:
            raise UsherLostError(
                "The process that gives the groups of a step their places has died (it ran out of memory, or its node "
                "was lost); start the run again, and it goes on after its last checkpoint."
            ) from error


def find(name: str) -> Any:
    """The usher of this name, from any process of the run: `await find(name).attempted.remote(...)`.

    Raises:
        ValueError: it is no more.
    """
    return ray.get_actor(name)
