"""What runs in a judging process: it loads the reward function and judges one response after the other, or, if the
function is `async`, many at once.

What the function raises is its verdict's `error`. What it does to the process is put right where that is simple: the
folder, the umask, the recursion limit, timers. Everything else ends with the process, which the pool replaces.
"""

import functools
import inspect
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import active_count
from typing import Any

from verl_reflect.isolation.channel import GREETING, Channel, Inbox, message
from verl_reflect.rollout.reward_function import RewardFunction
from verl_reflect.rollout.verdict import of_error, of_result, too_late

AT_ONCE = 64
"""Responses that an `async` function judges at once in one process."""

Functions = Mapping[str, Callable[..., Any]]
"""What judges a `response`, and what a `reflection`."""

# What is used after the function has run is held on to, for it may put something else in its place.
_process_id, _leave, _loads, _now = os.getpid, os._exit, pickle.loads, time.monotonic


@dataclass(frozen=True)
class Greeting:
    """What a judging process says once it has loaded the function, or could not."""

    room: int = 1
    """Responses that it judges at once."""
    problem: str = ""
    """Why the function could not be loaded; empty if it was."""

    def encode(self) -> bytes:
        """As bytes."""
        return f"{self.room} {self.problem}".encode("utf-8", "replace")

    @classmethod
    def decode(cls, greeting: bytes) -> "Greeting":
        """What `encode` made. Raises ValueError for anything else."""
        room, _, problem = greeting.decode().partition(" ")
        return cls(int(room), problem)


def greeting(function: RewardFunction, timeout: float) -> bytes:
    """What the server reads first. `timeout` is for an `async` function, which is cancelled there."""
    return pickle.dumps((function, timeout))


def serve(channel: Channel) -> None:
    """Load what the first message names, and judge what the others hold."""
    first = channel.receive()
    if first is None:
        return
    function, timeout = _loads(first[1])
    here = _process_id()
    try:
        functions = _loaded(function)
    except BaseException as error:
        said = Greeting(problem=_problem(error))
    else:
        said = Greeting(AT_ONCE if any(map(is_async, functions.values())) else 1)
    _only(here)
    channel.send(GREETING, said.encode())
    if said.problem:
        return
    surroundings = Surroundings.now()
    if said.room == 1:
        _judge_one_by_one(channel, functions, surroundings)
    else:
        import asyncio  # which takes longer than all else here

        # Not `asyncio.run`, which takes an interrupt for itself.
        asyncio.new_event_loop().run_until_complete(_judge_at_once(channel, functions, surroundings, timeout))


def _loaded(function: RewardFunction) -> Functions:
    function.load_tasks()
    return {"response": function.load(), "reflection": function.load_for_reflections()}


def _problem(error: BaseException) -> str:
    said = of_error(error).error
    return said.partition(": ")[2] or said if isinstance(error, Exception) else said


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it makes a coroutine."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _only(process_id: int) -> None:
    """End this process if it is a copy of that one which the function made: there shall be one reply."""
    if _process_id() != process_id:
        _leave(0)


@dataclass(frozen=True)
class Surroundings:
    """What a process has before the first response is judged."""

    process_id: int
    threads: int
    folder: int
    umask: int
    recursion_limit: int

    @classmethod
    def now(cls) -> "Surroundings":
        """What this process has."""
        os.umask(umask := os.umask(0))
        folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return cls(_process_id(), active_count(), folder, umask, sys.getrecursionlimit())

    def restore(
        self,
        change_folder: Callable[[int], None] = os.fchdir,
        set_umask: Callable[[int], int] = os.umask,
        set_recursion_limit: Callable[[int], None] = sys.setrecursionlimit,
        set_timer: Callable[[int, float], Any] = signal.setitimer,
    ) -> None:
        """Put back what is simple to put back. Raises OSError if that cannot be done any more."""
        change_folder(self.folder)
        set_umask(self.umask)
        set_recursion_limit(self.recursion_limit)
        for clock in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
            set_timer(clock, 0)

    def restless(self, wait: Callable[..., Any] = os.waitid) -> bool:
        """Threads or children were left behind."""
        if active_count() > self.threads:
            return True
        try:
            wait(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return True


def _judge_one_by_one(channel: Channel, functions: Functions, surroundings: Surroundings) -> None:
    while (request := channel.receive()) is not None:
        ticket, body = request
        reply = _judged(functions, body, surroundings)
        surroundings.restore()
        channel.send(ticket, reply)


def _judged(functions: Functions, body: bytes, surroundings: Surroundings) -> bytes:
    started = _now()
    try:
        what, arguments = _loads(body)
        result = functions[what](**arguments)
        verdict = of_result(_awaited(result) if inspect.isawaitable(result) else result)
    except BaseException as error:
        verdict = of_error(error)
    _only(surroundings.process_id)
    return verdict.encode(surroundings.restless(), _now() - started)


def _awaited(result: Any) -> Any:
    import asyncio

    async def awaited() -> Any:
        return await result

    return asyncio.run(awaited())


async def _judge_at_once(channel: Channel, functions: Functions, surroundings: Surroundings, timeout: float) -> None:
    import asyncio

    loop, inbox, sending = asyncio.get_running_loop(), Inbox(), asyncio.Lock()
    judging = set[asyncio.Task[None]]()
    channel.line.setblocking(False)

    async def judge(ticket: int, body: bytes) -> None:
        reply = await _judged_in_time(functions, body, surroundings, timeout)
        surroundings.restore()
        async with sending:
            await loop.sock_sendall(channel.line, message(ticket, reply))

    while data := await loop.sock_recv(channel.line, 2**16):
        for ticket, body in inbox.take(data):
            task = loop.create_task(judge(ticket, body))
            judging.add(task)
            task.add_done_callback(judging.discard)
    _leave(0)  # without waiting for what still runs


async def _judged_in_time(functions: Functions, body: bytes, surroundings: Surroundings, timeout: float) -> bytes:
    import asyncio

    judging = asyncio.ensure_future(_judged_beside_others(functions, body, surroundings))
    done, _ = await asyncio.wait({judging}, timeout=timeout)
    if done:
        return judging.result()
    judging.cancel()
    return too_late(timeout).encode(restless=True, seconds=timeout)


async def _judged_beside_others(functions: Functions, body: bytes, surroundings: Surroundings) -> bytes:
    started = _now()
    try:
        what, arguments = _loads(body)
        result = functions[what](**arguments)
        verdict = of_result(await result if inspect.isawaitable(result) else result)
    except BaseException as error:
        verdict = of_error(error)
    _only(surroundings.process_id)
    return verdict.encode(restless=False, seconds=_now() - started)
