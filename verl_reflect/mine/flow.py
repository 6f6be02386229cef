"""Keeps servers busy without opening every query at once."""

import asyncio


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
