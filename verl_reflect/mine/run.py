"""Many queries at once, without a barrier between them: each is written to the journal as it ends."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from verl_reflect.mine.flow import Flow
from verl_reflect.mine.journal import Journal
from verl_reflect.mine.query import Query
from verl_reflect.mine.sampling import Outcome


async def mine(
    queries: Iterable[Query],
    sample: Callable[[Query], Awaitable[Outcome]],
    journal: Journal,
    flow: Flow,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
) -> None:
    """Sample all queries. `on_outcome` is called once an outcome is safe in the journal.

    The first error ends it: what is in the journal stays, and the rest is left for another run.
    """
    unfinished: set[asyncio.Task[None]] = set()

    async def finish(query: Query) -> None:
        try:
            outcome = await sample(query)
            await journal.append(outcome)
            on_outcome(outcome)
        except Exception as error:
            flow.fail(error)
            raise

    def forget(task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception() is None:
            unfinished.discard(task)

    try:
        for query in queries:
            await flow.room()
            task = asyncio.create_task(finish(query))
            unfinished.add(task)
            task.add_done_callback(forget)
            await asyncio.sleep(0)  # lets it say how many answers it asks for
        await asyncio.gather(*unfinished)
    finally:
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
