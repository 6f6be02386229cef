"""Reward functions that do what they should not, one for each name in EXHIBITS; anything else is judged properly.

It is also the file that a configuration names, as `judge`, and as `judge_async` for the same things in an `async`
function. AT_IMPORT has the texts of files that misbehave before there is a function.
"""

import asyncio
import builtins
import ctypes
import gc
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple


class Exhibit(NamedTuple):
    """What is done, and a word of the error; none if there is a score of 1 all the same."""

    act: Callable[[], Any]
    error: str = ""


def _raised(error: BaseException) -> Callable[[], Any]:
    def act() -> Any:
        raise error

    return act


class _UnspeakableError(Exception):
    def __str__(self) -> str:
        sys.exit(0)


class _Score:
    """An object that is no number, whatever it says."""

    def __init__(self, act: Callable[[], Any]):
        self._act = act

    def __float__(self) -> float:
        return self._act()

    def __reduce__(self) -> Any:
        return os._exit, (0,)


def _signal(number: int, pid: Callable[[], int] = os.getpid) -> Callable[[], Any]:
    def act() -> Any:
        os.kill(pid(), number)
        time.sleep(60)

    return act


def _segfault() -> Any:
    ctypes.string_at(0)


def _print_megabytes() -> float:
    for _ in range(64):
        print("\N{SNOWMAN} what a verifier has to say" * 1000)
        print("x" * 65_536, file=sys.stderr)
    return 1.0


def _fork_and_return() -> float:
    os.fork()  # both of them give a score
    return 1.0


def _fork_and_leave_behind() -> float:
    if not os.fork():
        os.setsid()
        time.sleep(600)
    return 1.0


def _start_a_program() -> float:
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    return 1.0


def _orphan_and_die() -> Any:
    _fork_and_leave_behind()
    os._exit(0)


def _change_surroundings() -> float:
    os.chdir("/")
    os.umask(0o777)
    os.environ.clear()
    sys.setrecursionlimit(60)
    sys.path.clear()
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        try:
            signal.signal(number, signal.SIG_IGN)
        except OSError:
            continue
    return 1.0


def _leave_an_alarm() -> float:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    return 1.0


def _patch_everything() -> float:
    json.dumps = json.loads = lambda *_, **__: {"score": 1.0}  # type: ignore[assignment]
    os.getpid = lambda: 1  # type: ignore[assignment]
    time.time = time.monotonic = lambda: 0.0  # type: ignore[assignment]
    socket.socket.sendall = lambda *_: None  # type: ignore[method-assign]
    return 1.0


def _eat_memory() -> Any:
    eaten = []
    while True:
        eaten.append(b"x" * 20_000_000)
        time.sleep(0.01)


def _close_files() -> float:
    os.closerange(0, 256)
    return 1.0


def _replace_files() -> float:
    for descriptor in range(3, 256):
        try:
            os.dup2(0, descriptor)
        except OSError:
            continue
    return 1.0


def _write_to_files() -> float:
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b"\xff" * 64)
        except OSError:
            continue
    return 1.0


def _start_threads() -> float:
    def spin() -> None:
        while True:
            time.sleep(0.001)

    for _ in range(8):
        threading.Thread(target=spin).start()
    return 1.0


def _thread_that_exits() -> float:
    threading.Timer(0.05, os._exit, [0]).start()
    return 1.0


def _run_a_loop() -> Any:
    async def one() -> float:
        return 1.0

    return asyncio.run(one())


def _warn() -> float:
    warnings.simplefilter("error")
    gc.disable()
    return 1.0


def _spin() -> Any:
    while True:
        try:
            time.monotonic()
        except BaseException:
            continue


EXHIBITS: dict[str, Exhibit] = {
    "exit": Exhibit(sys.exit, "raised SystemExit"),
    "exit 0": Exhibit(_raised(SystemExit(0)), "raised SystemExit: 0"),
    "exit with words": Exhibit(_raised(SystemExit("a\nb")), "raised SystemExit: a b"),
    "quit": Exhibit(lambda: builtins.quit(), "raised SystemExit"),
    "interrupt": Exhibit(_raised(KeyboardInterrupt()), "raised KeyboardInterrupt"),
    "generator exit": Exhibit(_raised(GeneratorExit()), "raised GeneratorExit"),
    "cancelled": Exhibit(_raised(asyncio.CancelledError()), "raised CancelledError"),
    "stop iteration": Exhibit(_raised(StopIteration(1)), "raised "),  # a coroutine makes a RuntimeError of it
    "base exception": Exhibit(_raised(BaseException("so")), "raised BaseException: so"),
    "unspeakable": Exhibit(_raised(_UnspeakableError()), "raised _UnspeakableError"),
    "huge error": Exhibit(_raised(ValueError("x" * 50_000_000)), "raised ValueError: xxx"),
    "recursion": Exhibit(lambda: EXHIBITS["recursion"].act(), "raised RecursionError"),
    "dies with 0": Exhibit(lambda: os._exit(0), "ended its process with exit code 0"),
    "dies with 9": Exhibit(lambda: os._exit(9), "ended its process with exit code 9"),
    "kills itself": Exhibit(_signal(signal.SIGKILL), "SIGKILL"),
    "terminates itself": Exhibit(_signal(signal.SIGTERM), "SIGTERM"),
    "interrupts itself": Exhibit(_signal(signal.SIGINT), "raised KeyboardInterrupt"),
    "aborts": Exhibit(os.abort, "SIGABRT"),
    "segfault": Exhibit(_segfault, "SIGSEGV"),
    "kills its group": Exhibit(_signal(signal.SIGKILL, lambda: 0), "SIGKILL"),
    "terminates its group": Exhibit(_signal(signal.SIGTERM, lambda: 0), "SIGTERM"),
    "kills its parent": Exhibit(_signal(signal.SIGKILL, os.getppid), "killed its process and the one that watches it"),
    "terminates its parent": Exhibit(_signal(signal.SIGTERM, os.getppid), "took longer"),
    "stops itself": Exhibit(_signal(signal.SIGSTOP), "took longer"),
    "stops its parent": Exhibit(_signal(signal.SIGSTOP, os.getppid), "took longer"),
    "sleeps": Exhibit(lambda: time.sleep(600), "took longer"),
    "spins": Exhibit(_spin, "took longer"),
    "holds the GIL": Exhibit(lambda: re.match(r"(a+)+$", "a" * 40 + "!"), "took longer"),
    "becomes another program": Exhibit(lambda: os.execv("/bin/sleep", ["sleep", "600"]), "took longer"),
    "prints megabytes": Exhibit(_print_megabytes),
    "reads stdin": Exhibit(lambda: input(), "raised EOFError"),
    "reads stdin, hears nothing": Exhibit(lambda: 1.0 if sys.stdin.read() == "" else 0.0),
    "forks and returns": Exhibit(_fork_and_return),
    "leaves a child behind": Exhibit(_fork_and_leave_behind),
    "leaves a program behind": Exhibit(_start_a_program),
    "leaves an orphan": Exhibit(_orphan_and_die, "ended its process with exit code 0"),
    "changes its surroundings": Exhibit(_change_surroundings),
    "leaves an alarm": Exhibit(_leave_an_alarm),
    "patches everything": Exhibit(_patch_everything),
    "eats memory": Exhibit(_eat_memory, "took more than 0.25 GB of memory (reflect.verifier_memory)"),
    "closes files": Exhibit(_close_files, "ended its process"),
    "replaces files": Exhibit(_replace_files, "ended its process"),
    "writes to files": Exhibit(_write_to_files, "wrote what is no reply"),
    "starts threads": Exhibit(_start_threads),
    "leaves a thread that exits": Exhibit(_thread_that_exits),
    "warns": Exhibit(_warn),
    "returns None": Exhibit(lambda: None, "returned the score 'None', which is no number"),
    "returns nan": Exhibit(lambda: float("nan"), "returned the score nan"),
    "returns infinity": Exhibit(lambda: {"score": float("-inf")}, "returned the score -inf"),
    "returns text": Exhibit(lambda: "1.0", "returned the score '1.0', which is no number"),
    "returns no score": Exhibit(lambda: {"reward": 1.0}, "returned a mapping without a score"),
    "returns a list": Exhibit(lambda: [1.0], "raised TypeError"),
    "returns True": Exhibit(lambda: True),
    "returns a complex number": Exhibit(lambda: 1j, "raised TypeError"),
    "returns a huge number": Exhibit(lambda: 10**400, "raised OverflowError"),
    "returns a huge detail": Exhibit(lambda: {"score": 1, "detail": "x" * 50_000_000, "category": "y" * 10_000_000}),
    "returns surrogates": Exhibit(lambda: {"score": 1, "detail": "\ud800\0\udfff", "category": "\0"}),
    "returns what exits": Exhibit(lambda: _Score(sys.exit), "raised SystemExit"),
    "returns what dies": Exhibit(lambda: _Score(lambda: os._exit(0)), "ended its process with exit code 0"),
    "returns what hangs": Exhibit(lambda: _Score(lambda: time.sleep(600)), "took longer"),
    "returns what cannot be pickled": Exhibit(lambda: {"score": 1, "lock": threading.Lock(), "f": lambda: 0}),
    "returns what exits when unpickled": Exhibit(lambda: {"score": 1, "more": _Score(sys.exit)}),
    "returns a generator": Exhibit(lambda: (x for x in ()), "raised TypeError"),
    "returns a class": Exhibit(lambda: float, "raised TypeError"),
}

ONLY_ALONE = {"runs a loop": Exhibit(_run_a_loop)}
"""What an `async` function cannot do at all."""


def judge(data_source: str, solution_str: str, ground_truth: Any, extra_info: Any = None) -> Any:
    """A plain verl reward function. The row can say what it does, or the response."""
    exhibit = {**EXHIBITS, **ONLY_ALONE}.get(ground_truth or solution_str)
    return exhibit.act() if exhibit else {"score": float(solution_str == "good"), "category": os.getcwd()}


async def _cancel_all() -> float:
    for task in asyncio.all_tasks():
        task.cancel()
    await asyncio.sleep(1)
    return 1.0


async def _stop_the_loop() -> float:
    asyncio.get_running_loop().stop()
    await asyncio.sleep(600)
    return 1.0


async def _task_that_exits() -> float:
    task = asyncio.create_task(asyncio.sleep(0))
    task.add_done_callback(lambda _: sys.exit(0))
    await asyncio.sleep(600)
    return 1.0


async def _heeds_no_cancelling() -> float:
    while True:
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            continue


ASYNC_EXHIBITS: dict[str, tuple[Callable[[], Any], str]] = {
    "cancels all tasks": (_cancel_all, "ended its process"),
    "stops the loop": (_stop_the_loop, "ended its process"),
    "has a callback that exits": (_task_that_exits, "ended its process"),
    "heeds no cancelling": (_heeds_no_cancelling, "took longer"),
    "runs a loop": (lambda: asyncio.run(asyncio.sleep(0)), "raised RuntimeError"),
    "sleeps asleep": (lambda: asyncio.sleep(600), "took longer"),
}


async def judge_async(data_source: str, solution_str: str, ground_truth: Any, extra_info: Any = None) -> Any:
    """The same, and what only an `async` function can do."""
    if solution_str == "good, later":
        await asyncio.sleep(0.5)
        return 1.0
    if solution_str in ASYNC_EXHIBITS:
        done = ASYNC_EXHIBITS[solution_str][0]()
        return await done
    return judge(data_source, solution_str, ground_truth, extra_info)


_FUNCTION = "\ndef judge(data_source, solution_str, ground_truth, extra_info=None):\n    return 1.0\n"

AT_IMPORT: dict[str, tuple[str, str]] = {
    "exits": ("import sys; sys.exit(0)", "raised SystemExit: 0"),
    "exits without a word": ("raise SystemExit", "raised SystemExit"),
    "is interrupted": ("raise KeyboardInterrupt", "raised KeyboardInterrupt"),
    "dies": ("import os; os._exit(0)", "it ended its process with exit code 0"),
    "is killed": ("import os; os.kill(os.getpid(), 9)", "it ended its process by SIGKILL"),
    "kills its parent": ("import os, time; os.kill(os.getppid(), 9); time.sleep(60)", "the one that watches it"),
    "raises": ("1 / 0", "division by zero"),
    "cannot be read": ("def judge(:", "invalid syntax"),
    "needs what is not there": ("import no_such_module_at_all", "No module named 'no_such_module_at_all'"),
    "reads stdin": ("input()", "EOF when reading a line"),
    "has no function": ("judges = 1", "'judge'"),
    "closes files": ("import os; os.closerange(0, 256)" + _FUNCTION, "it ended its process"),
    "forks": ("import os; os.fork()" + _FUNCTION, ""),
    "prints": ("print('x' * 10_000_000)" + _FUNCTION, ""),
}
"""Text of a file, and words of why it cannot be loaded; none if it can."""
