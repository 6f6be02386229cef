"""The contract check in a process of its own, for a task that may end the one it is in, or never answers.

The process says what it does in a small file: where it ended, or has stood still, that is the last thing it said.
"""

import asyncio
import json
import os
import pickle
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import astuple
from typing import Any

from verl_reflect.finding import Finding
from verl_reflect.isolation.channel import GREETING, Channel
from verl_reflect.isolation.process import EndedError, IsolatedProcess
from verl_reflect.tasks.base import Task
from verl_reflect.tasks.contract import CHECKED, check_class, check_task
from verl_reflect.tasks.record import Record
from verl_reflect.tasks.registry import load_task

SERVER = f"{__name__}:serve"

MEMORY_BYTES = 4 * 2**30
"""That a task may have."""

STILL_SECONDS = 30.0
"""In which a task must have come on to another response; a verdict is broken off long before."""

SHOWN_CHARS = 60
"""Of a response."""


def check_apart(task: str, records: Sequence[Record] | None, limit_ms: float) -> list[Finding]:
    """What `check_task` finds of the task named `module:Class`, or `check_class` if there are no records.

    Raises ValueError, in one sentence, if the task cannot be imported or made.
    """
    with tempfile.NamedTemporaryFile() as doing:
        return asyncio.run(_checked(task, pickle.dumps((task, records, limit_ms, doing.name)), doing.name))


async def _checked(task: str, greeting: bytes, doing: str) -> list[Finding]:
    process, found = IsolatedProcess(SERVER, greeting, MEMORY_BYTES), list[Finding]()
    try:
        problem = await _in_time(process, asyncio.ensure_future(process.greeting()), doing)
        if problem:
            raise ValueError(problem.decode())
        while reply := await _in_time(process, process.ask(b""), doing):
            check, fit, remark = json.loads(reply)
            found.append(Finding(check, fit, remark))
    except EndedError as end:
        if not _read(doing):
            raise ValueError(f"The task {task} cannot be imported: it {end}.") from end
        found.append(Finding(CHECKED[len(found)], False, f"{_read(doing)}: the task {end}"))
    finally:
        process.end()
        process.bury()
    return found


async def _in_time(process: IsolatedProcess, reply: "asyncio.Future[bytes]", doing: str) -> bytes:
    before = None
    while not (await asyncio.wait({reply}, timeout=STILL_SECONDS))[0]:
        if (now := _read(doing)) == before:
            process.end(f"gave no answer for {STILL_SECONDS:g} s")
        before = now
    return reply.result()


def _read(doing: str) -> str:
    with open(doing, encoding="utf-8") as file:
        return file.read()


def serve(channel: Channel) -> None:
    """Runs there: load the task, then say one finding for each request, and nothing when there are no more."""
    process_id, leave, first = os.getpid, os._exit, channel.receive()
    if first is None:
        return
    here, (name, records, limit_ms, doing) = process_id(), pickle.loads(first[1])
    try:
        task, problem = load_task(name), ""
    except ValueError as error:
        problem = " ".join(str(error).split())
    if process_id() == here:
        channel.send(GREETING, problem.encode("utf-8", "replace"))
    if problem:
        return
    _say(doing, "class")
    findings = check_class(task) if records is None else check_task(_that_says(task, doing), records, limit_ms)
    while request := channel.receive():
        finding = next(findings, None)
        if process_id() != here:  # a copy that the task made
            leave(0)
        reply = json.dumps(astuple(finding)) if finding else ""
        channel.send(request[0], reply.encode("utf-8", "replace"))


def _that_says(task: Task, doing: str) -> Task:
    """The task, which says before each call what it is given."""

    def saying(method: Callable[..., Any], what: str) -> Callable[..., Any]:
        def call(given: Any, *more: Any) -> Any:
            _say(doing, f"{what} {str(given)[:SHOWN_CHARS]!r}")
            return method(given, *more)

        return call

    for name in ("item", "judge", "gives_away", "corruptions"):
        setattr(task, name, saying(getattr(task, name), name))
    return task


def _say(doing: str, what: str) -> None:
    with open(doing, "w", encoding="utf-8", errors="replace") as file:
        file.write(what)
