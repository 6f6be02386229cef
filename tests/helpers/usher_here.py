"""An usher without Ray, for the replay buffer and agent loops of a test."""

import asyncio
from collections.abc import Sequence

from verl_reflect.rollout.places import Attempt
from verl_reflect.rollout.usher import RunningUsher, Standing, Usher


class UsherHere(RunningUsher):
    """As the trainer sees it; `usher` as agent loops do."""

    def __init__(self, places: int):
        self.usher, self.name, self.released = Usher(places), "here", False

    def dispatched(self, groups: Sequence[str]) -> None:
        asyncio.run(self.usher.dispatched(groups))

    def attempted(self, group: str, passed: bool, made: int = 1, tokens: int = 3) -> None:
        """A group reports, and goes away before it hears the answer."""
        asyncio.run(self._reports(group, Attempt(passed, made, tokens)))

    async def _reports(self, group: str, attempt: Attempt) -> None:
        asked = asyncio.ensure_future(self.usher.attempted(group, attempt))
        await asyncio.sleep(0)
        asked.cancel()

    def standing(self, given_up: Sequence[str], asked: Sequence[str]) -> Standing:
        return asyncio.run(self.usher.standing(given_up, asked))

    def release(self) -> None:
        self.released = True
        asyncio.run(self.usher.release())

    def end_step(self) -> None:
        asyncio.run(self.usher.end_step())

    def trained(self, groups: Sequence[str]) -> None:
        asyncio.run(self.usher.trained(groups))
