"""One judging process: it loads the reward function, is asked for verdicts, and is ended when one takes too long.

It may be given requests ahead; their time begins when they are the first in line. An `async` function judges many at
once, and their time begins at once.

Who is to blame when it ends or stands still? What is judged then, and not what waits behind it. But for what is judged
beside it and for what an earlier one left behind: a thread, a timer, a broken module. So a request is blamed if it had
the process to itself.
"""

import asyncio

from verl_reflect.isolation.process import EndedError, IsolatedProcess
from verl_reflect.isolation.supervisor import excess
from verl_reflect.rollout.reward_function import RewardFunction
from verl_reflect.rollout.verdict import Verdict, too_late
from verl_reflect.rollout.verdict_server import Greeting, greeting

SERVER = "verl_reflect.rollout.verdict_server:serve"

LOADING_SECONDS = 600.0
"""For importing the function, before the first response is judged: large packages on a slow disk take minutes."""

LATE_SECONDS = 1.0
"""Past its time limit in which an `async` function's process says so itself."""


LATE = "was too late"
"""How a process ends that judged for too long."""


class NotJudgedError(Exception):
    """The process ended before it came to this request: ask once more."""


class NoBlameError(Exception):
    """There is no verdict, and it may be another request's fault: ask once more, in a fresh process."""


class JudgingProcess:
    """Started at once; loads while the first request waits.

    Args:
        timeout: Seconds for one response, loading not counted.
        memory: Bytes that it may have.

    Attributes:
        room: Requests that it judges at once.
        loaded: The function is there.
    """

    def __init__(self, function: RewardFunction, timeout: float, memory: int):
        self.isolated = IsolatedProcess(SERVER, greeting(function, timeout), memory)
        self.room = 1
        self._timeout, self._memory = timeout, memory
        self.loaded = False
        self._asked = 0
        self._line: dict[asyncio.Future[bytes], float] = {}
        """Requests that it has, in their order, and when they began (in the loop's seconds)."""
        self._alarm: asyncio.TimerHandle | None = None
        self._restless = False
        self._first_at_end: asyncio.Future[bytes] | None = None

    @property
    def ended(self) -> bool:
        """It judges no more."""
        return bool(self.isolated.ended)

    @property
    def seconds(self) -> float:
        """That the first in line has taken by now; 0 if there is none."""
        began = next(iter(self._line.values()), None)
        return 0.0 if began is None else asyncio.get_running_loop().time() - began

    async def why_not_loaded(self) -> str:
        """Why the function cannot be loaded; empty if it is."""
        try:
            said = Greeting.decode(await asyncio.wait_for(self.isolated.greeting(), LOADING_SECONDS))
        except EndedError as end:
            return f"it {self._words(end)}"
        except (TimeoutError, asyncio.TimeoutError):
            said = Greeting(problem=f"it took longer than {LOADING_SECONDS:g} s")
        except ValueError:
            said = Greeting(problem="it wrote what is no reply")
        if said.problem:
            self.isolated.end()
        self.loaded, self.room = True, said.room
        return said.problem

    async def judge(self, request: bytes) -> Verdict:
        """The verdict, or why there is none. Whoever is cancelled here ends the process.

        Raises:
            NotJudgedError, NoBlameError: there is none, and this request may not be to blame.
        """
        try:
            if not self.loaded and (problem := await self.why_not_loaded()):
                return Verdict(error=f"cannot be loaded: {problem}")
            return await self._judged(self.isolated.ask(request))
        except asyncio.CancelledError:
            self.isolated.end()
            raise

    async def _judged(self, reply: "asyncio.Future[bytes]") -> Verdict:
        loop = asyncio.get_running_loop()
        self._asked += 1
        self._line[reply] = loop.time()
        self._set_alarm(loop)
        try:
            verdict = Verdict.decode(await reply)
        except EndedError as end:
            return self._without_verdict(reply, end)
        except ValueError:
            self.isolated.end()
            return self._blamed(Verdict(error="wrote what is no reply"))
        finally:
            self._next_in_line(reply, loop)
        self._restless = verdict.restless
        return verdict

    def _next_in_line(self, reply: "asyncio.Future[bytes]", loop: asyncio.AbstractEventLoop) -> None:
        del self._line[reply]
        if self.room == 1 and self._line:
            self._line[next(iter(self._line))] = loop.time()
        self._set_alarm(loop)

    def _set_alarm(self, loop: asyncio.AbstractEventLoop) -> None:
        """For the first in line."""
        if self._alarm is not None:
            self._alarm.cancel()
        limit = self._timeout + (LATE_SECONDS if self.room > 1 else 0)
        began = next(iter(self._line.values()), None)
        self._alarm = None if began is None else loop.call_at(began + limit, self.isolated.end, LATE)

    def _without_verdict(self, reply: "asyncio.Future[bytes]", end: EndedError) -> Verdict:
        self._first_at_end = self._first_at_end or next(iter(self._line))
        if self.room == 1 and reply is not self._first_at_end:
            raise NotJudgedError
        if str(end) != LATE:
            return self._blamed(Verdict(error=self._words(end)))
        late = too_late(self._timeout)
        return self._blamed(late) if self._restless or self.room > 1 else late

    def _blamed(self, verdict: Verdict) -> Verdict:
        if self._asked > 1:
            raise NoBlameError
        return verdict

    def _words(self, end: EndedError) -> str:
        how = str(end)
        return f"{how} (reflect.verifier_memory)" if how == excess(self._memory) else how


async def _why_not_loaded(function: RewardFunction, timeout: float, memory: int) -> str:
    process = JudgingProcess(function, timeout, memory)
    try:
        return await process.why_not_loaded()
    finally:
        process.isolated.end()
        process.isolated.bury()


def why_not_loaded(function: RewardFunction, timeout: float, memory: int) -> str:
    """Why a judging process cannot load a function; empty if it can. Whatever the function's file does."""
    return asyncio.run(_why_not_loaded(function, timeout, memory))
