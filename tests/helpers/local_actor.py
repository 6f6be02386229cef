"""An engine behind `ask` and `fetch` as a Ray actor has them: `actor.ask.remote(...)` gives something to wait for."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from verl_reflect.serving.stepping import Engine, Question, Reply, Stepping


class Remote:
    """A method of an actor."""

    def __init__(self, method: Callable[..., Awaitable[Any]]):
        self.remote = method


class LocalActor:
    """Stands for `SteppedServer` in this process.

    Args:
        look: Called before a bundle is taken, and before one leaves. May raise, as Ray does for an actor that died.
    """

    def __init__(self, engine: Engine, look: Callable[[Sequence[Question]], None] = lambda questions: None):
        self._stepping, self._look = Stepping(engine), look
        self.ask, self.fetch = Remote(self._ask), Remote(self._fetch)
        self.fetches = 0

    async def _ask(self, questions: Sequence[Question]) -> None:
        self._look(questions)
        self._stepping.ask(questions)

    async def _fetch(self) -> list[Reply]:
        self.fetches += 1
        replies = await self._stepping.fetch()
        self._look([])
        return replies
