"""Keeps servers busy without opening every query at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

Each = TypeVar("Each")


class Flow:
    """Counts the answers that are asked for and not there yet; a new query is opened only while there is room.

    Counting answers and not queries is what keeps long answers from idling the servers: a query that waits for its
    last answer takes the room of one answer. Queries that are open may ask for more; so `limit` is passed by a bit.
    """

    def __init__(self, limit: int):
        self.limit = limit
        self.unanswered = 0
        self._error: BaseException | None = None
        self._moved = asyncio.Event()

    def ask(self, count: int) -> None:
        """So many answers are asked for."""
        self.unanswered += count

    def answered(self) -> None:
        """One has come, or never will."""
        self.unanswered -= 1
        self._moved.set()

    def fail(self, error: BaseException) -> None:
        """Whoever waits for room, now or later, gets this error."""
        self._error = error
        self._moved.set()

    async def room(self) -> None:
        """Wait until there is room for another query."""
        while self.unanswered >= self.limit and self._error is None:
            self._moved.clear()
            await self._moved.wait()
        if self._error is not None:
            raise self._error


async def for_each(items: Iterable[Each], finish: Callable[[Each], Awaitable[None]], flow: Flow) -> None:
    """Finish all items, opening one after the other as there is room. The first error ends it all."""
    unfinished: set[asyncio.Task[None]] = set()

    async def guarded(item: Each) -> None:
        try:
            await finish(item)
        except Exception as error:
            flow.fail(error)
            raise

    def forget(task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception() is None:
            unfinished.discard(task)

    try:
        for item in items:
            await flow.room()
            task = asyncio.create_task(guarded(item))
            unfinished.add(task)
            task.add_done_callback(forget)
            await asyncio.sleep(0)  # lets it say how many answers it asks for
        await asyncio.gather(*unfinished)
    finally:
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
