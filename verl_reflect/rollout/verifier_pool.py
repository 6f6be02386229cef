"""Judging processes, as many as are needed and at most so many, and who gets to use which.

Requests are served in their order. Every tenth of a second in which some wait the processes may double, if those there
are would take longer for them than it takes to start one: a task of microseconds gets one process, a test in a sandbox
all of them.
"""

import asyncio
import pickle
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from verl_reflect.isolation.process import IsolatedProcess
from verl_reflect.rollout.judging_process import JudgingProcess, NoBlameError, NotJudgedError
from verl_reflect.rollout.reward_function import RewardFunction
from verl_reflect.rollout.verdict import Verdict

START_SECONDS = 0.5
"""What starting a process costs, on a busy machine."""

QUICK_SECONDS, AHEAD = 0.001, 16
"""Where verdicts take no longer than this, a process is given so many ahead, and need not wait for the next."""

LOOK_SECONDS = 0.1
"""Until those that wait are looked at again."""


@dataclass
class Place:
    """Where a judging process is, or could be."""

    process: JudgingProcess | None = None
    open: int = 0
    """Requests that have the place."""
    alone: bool = False
    """The one that has it shares it with nobody."""

    @property
    def running(self) -> bool:
        """There is a process."""
        return self.process is not None and not self.process.ended

    def fits(self, alone: bool, ahead: int) -> bool:
        """It can be had, or be had alone. `ahead`: requests that a process of one at once is given."""
        if alone or not (self.running and self.process and self.process.loaded):
            return not self.open
        return not self.alone and self.open < max(self.process.room, ahead)


class Turn(NamedTuple):
    """A request's wait for a place."""

    place: "asyncio.Future[Place]"
    alone: bool


@dataclass
class VerifierPool:
    """Judges requests: `await pool("response", {"solution_str": ..., ...})`.

    Args:
        function: What judges.
        timeout: Seconds for one response, from when a process is given it.
        most: Processes at most.
        memory: Bytes that each may have.
    """

    function: RewardFunction
    timeout: float
    most: int
    memory: int
    _places: list[Place] = field(init=False)
    _turns: deque[Turn] = field(init=False, default_factory=deque)
    _ended: list[IsolatedProcess] = field(init=False, default_factory=list)
    _seconds: float | None = None
    """That a verdict took of late; None before the first."""
    _more: int = 0
    """Processes that may be added now."""
    _looking: asyncio.AbstractEventLoop | None = None
    """The loop in which those that wait will be looked at again."""

    def __post_init__(self) -> None:
        self._places = [Place() for _ in range(self.most)]

    @property
    def processes(self) -> int:
        """How many there are now."""
        return sum(place.running for place in self._places)

    async def __call__(self, what: str, arguments: Mapping[str, Any]) -> Verdict:
        """The verdict, or an error. `what` is `response` or `reflection`."""
        try:
            request = pickle.dumps((what, arguments))
        except Exception as error:  # of whatever the row holds
            return Verdict(error=f"cannot be given the row: {type(error).__name__}: {error}")
        afresh = False
        while True:
            try:
                return await self._judged(request, afresh)
            except NotJudgedError:
                continue
            except NoBlameError:
                afresh = True

    def close(self) -> None:
        """End all processes, and wait until nothing is left of them."""
        for place in self._places:
            self._end(place)
        for process in self._ended:
            process.bury()
        self._ended.clear()

    async def _judged(self, request: bytes, afresh: bool) -> Verdict:
        place = await self._turn(alone=afresh)
        try:
            if afresh or not place.running:
                self._start(place)
            assert place.process
            verdict = await place.process.judge(request)
            before = verdict.seconds if self._seconds is None else self._seconds
            self._seconds = before + (verdict.seconds - before) / 8
            return verdict
        finally:
            place.open -= 1
            place.alone = False
            self._give_places()

    def _start(self, place: Place) -> None:
        self._end(place)
        self._ended = [process for process in self._ended if not process.gone]
        place.process = JudgingProcess(self.function, self.timeout, self.memory)

    def _end(self, place: Place) -> None:
        if place.process is not None:
            place.process.isolated.end()
            self._ended.append(place.process.isolated)
            place.process = None

    async def _turn(self, alone: bool) -> Place:
        """Wait for a place, behind all that wait already."""
        turn = Turn(asyncio.get_running_loop().create_future(), alone)
        self._turns.append(turn)
        self._give_places()
        try:
            return await turn.place
        except asyncio.CancelledError:
            if turn.place.done() and not turn.place.cancelled():  # given in the same moment
                turn.place.result().open -= 1
                turn.place.result().alone = False
                self._give_places()
            raise

    def _give_places(self) -> None:
        while self._turns:
            turn = self._turns[0]
            if not turn.place.cancelled():
                place = self._place(turn.alone)
                if place is None:
                    return self._look_again()
                place.open += 1
                place.alone = turn.alone
                turn.place.set_result(place)
            self._turns.popleft()

    def _place(self, alone: bool) -> Place | None:
        ahead = AHEAD if self._seconds is not None and self._seconds <= QUICK_SECONDS else 1
        fitting = [place for place in self._places if place.fits(alone, ahead)]
        # Who must have a fresh process had better not take one from those that can go on.
        place = next((place for place in fitting if place.running != alone), next(iter(fitting), None))
        if place is None or place.running or alone or self._worth_a_process():
            return place
        return None

    def _worth_a_process(self) -> bool:
        """Those that wait would otherwise wait longer than one takes to start."""
        room = sum(place.process.room for place in self._places if place.process and place.running)
        if not room:
            return True
        self._more -= 1
        return self._more >= 0 and len(self._turns) * self._seconds_each() > START_SECONDS * room

    def _seconds_each(self) -> float:
        """As verdicts took of late, or as long as all that are under way have taken by now, if that is long."""
        by_now = [seconds for place in self._places if place.process and (seconds := place.process.seconds)]
        shortest = min(by_now, default=0.0)
        return max(self._seconds or 0.0, shortest if shortest > LOOK_SECONDS else 0.0)

    def _look_again(self) -> None:
        """Later, if there may be more processes then: a first verdict that takes minutes tells nothing before."""
        loop = asyncio.get_running_loop()
        if self._looking is not loop and not all(place.running for place in self._places):
            self._looking = loop
            loop.call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self._looking, self._more = None, self.processes
        self._give_places()
        self._more = 0
