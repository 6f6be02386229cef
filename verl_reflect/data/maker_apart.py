"""Makes the data of somebody else's task in a process of its own, which such a task may end.

The process makes all of it, files included, and answers each request with how far it is, or at last with what became
of it. What it had begun to write is removed if it ended before.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from verl_reflect.data.maker import Made, make_dataset
from verl_reflect.data.sources import open_source
from verl_reflect.data.splits import Sizes
from verl_reflect.isolation.channel import GREETING, Channel
from verl_reflect.isolation.process import EndedError, IsolatedProcess
from verl_reflect.progress import Bar, progress
from verl_reflect.records.whole_file import discard_prepared
from verl_reflect.tasks.registry import load_task

SERVER = f"{__name__}:serve"

SECONDS_BETWEEN_WORDS = 0.2
"""About how far it is."""


def make_apart(task: str, source: str, sizes: Sizes, *, seed: int, out: Path) -> Made:
    """`make_dataset` of the task named `module:Class`, from the source of that name.

    Raises:
        ValueError: as `make_dataset`, and if the task cannot be loaded, or ends its process.
        OSError: as `make_dataset`.
    """
    wanted = {"task": task, "source": source, "sizes": dict(sizes), "seed": seed, "out": str(out)}
    with progress("records read") as bar:
        result = asyncio.run(_made(wanted, bar))
    if "fault" in result:
        raise (OSError if result["of_the_disk"] else ValueError)(result["fault"])
    return Made(**{**result, "paths": list(map(Path, result["paths"])), "rejections": Path(result["rejections"])})


async def _made(wanted: dict[str, Any], bar: Bar) -> dict[str, Any]:
    # All of the machine's memory: an array of JSON is read whole.
    process = IsolatedProcess(SERVER, json.dumps(wanted).encode(), psutil.virtual_memory().total)
    maker: int | None = None
    try:
        maker = int(await process.greeting())
        while "done" in (reply := json.loads(await process.ask(b""))):
            bar.update(reply["done"], what=reply["what"])
        return dict(reply)
    except EndedError as end:
        raise ValueError(f"The task {wanted['task']} cannot make data: it {end}.") from end
    finally:
        process.end()
        process.bury()
        if maker is not None:
            discard_prepared(Path(wanted["out"]), maker)


def serve(channel: Channel) -> None:
    """Runs there: make the data that the greeting asks for."""
    first = channel.receive()
    if first is None:
        return
    wanted, telling = json.loads(first[1]), _Telling(channel)
    channel.send(GREETING, str(os.getpid()).encode())
    try:
        made = make_dataset(
            load_task(wanted["task"]),
            open_source(wanted["source"]),
            wanted["sizes"],
            seed=wanted["seed"],
            out=Path(wanted["out"]),
            shown=telling.shown,
        )
        telling.answer(asdict(made))
    except (ValueError, OSError) as error:
        telling.answer({"fault": str(error), "of_the_disk": isinstance(error, OSError)})


class _Telling:
    """A progress bar that somebody else draws."""

    def __init__(self, channel: Channel):
        self._channel, self._said = channel, time.monotonic()
        self._process_id: Callable[[], int] = os.getpid
        self._leave: Callable[[int], Any] = os._exit
        self._here = os.getpid()

    @contextmanager
    def shown(self, what: str) -> Iterator[Bar]:
        """In place of `progress`."""
        yield self

    def update(self, done: int | None = None, note: str | None = None, what: str | None = None) -> None:
        """Say so now and then."""
        if self._process_id() != self._here:  # a copy that the task made
            self._leave(0)
        if time.monotonic() - self._said >= SECONDS_BETWEEN_WORDS:
            self.answer({"done": done, "what": what})
            self._said = time.monotonic()

    def answer(self, words: dict[str, Any]) -> None:
        """What the next request is told."""
        if request := self._channel.receive():
            self._channel.send(request[0], json.dumps(words, default=str).encode())
