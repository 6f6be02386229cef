"""Many queries at once, without a barrier between them: each is written to the journal as it ends."""

from collections.abc import Awaitable, Callable, Iterable

from verl_reflect.mine.sampling import Outcome
from verl_reflect.records.journal import Journal
from verl_reflect.serving.flow import Flow, for_each
from verl_reflect.serving.queries import Query


async def mine(
    queries: Iterable[Query],
    sample: Callable[[Query], Awaitable[Outcome]],
    journal: Journal[Outcome],
    flow: Flow,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
) -> None:
    """Sample all queries. `on_outcome` is called once an outcome is safe in the journal.

    The first error ends it: what is in the journal stays, and the rest is left for another run.
    """

    async def finish(query: Query) -> None:
        outcome = await sample(query)
        await journal.append(outcome)
        on_outcome(outcome)

    await for_each(queries, finish, flow)
