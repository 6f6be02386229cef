"""An engine that is driven step by step, for askers who hand in many requests at once and fetch what is done.

    ask ──► engine ──► step, step, step ──► done ──► fetch

A call to another process costs as much as the answer of a small model, and an engine that runs beside its server costs
it a message a step. So requests come in bundles, answers leave in bundles, and the engine steps in the process that is
asked, as vLLM's `LLM.generate` has it. An answer leaves once it is done: it does not wait for the others of its prompt,
as it would with vLLM's `n`, and so a long answer holds up nobody's place.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

TOGETHER_SECONDS = 0.02
"""In which answers are collected before they leave, so that an engine of many quick answers sends few bundles."""


class Question(NamedTuple):
    """A prompt, and how many answers are wanted."""

    keys: Sequence[int]
    """What the asker calls the answers, one key each."""
    prompt_ids: Sequence[int]
    sampling_params: Mapping[str, Any]


class Reply(NamedTuple):
    """An answer, or why there is none."""

    key: int
    token_ids: list[int]
    stop_reason: str | None = None
    error: str = ""


class Engine(Protocol):
    """What answers."""

    def add(self, question: Question) -> None:
        """Take a question. May raise anything, for a question that it cannot take."""

    def step(self) -> list[Reply]:
        """Go on by a step, and return what is done with it. May raise anything, and is broken then."""


class Stepping:
    """Steps an engine in the event loop of whoever asks first, for as long as answers are wanted.

    Between two steps the loop runs once: that is when questions are taken and answers leave.
    """

    def __init__(self, engine: Engine):
        self._engine = engine
        self._wanted: set[int] = set()
        self._done: list[Reply] = []
        self._some = asyncio.Event()
        self._broken = ""
        self._steps: asyncio.Task[None] | None = None

    def ask(self, questions: Sequence[Question]) -> None:
        """Take questions. Never raises: why there is no answer is in the reply."""
        for question in questions:
            self._take(question)
        if self._wanted and self._steps is None:
            self._steps = asyncio.create_task(self._run())

    async def fetch(self) -> list[Reply]:
        """What is done and was not fetched before; waits until there is something."""
        await self._some.wait()
        if self._wanted:
            await asyncio.sleep(TOGETHER_SECONDS)
        done, self._done = self._done, []
        self._some.clear()
        return done

    def _take(self, question: Question) -> None:
        try:
            if not self._broken:
                self._engine.add(question)
        except Exception as error:  # of the engine, which looks at what it is asked
            self._refuse(question.keys, _in_words(error))
        else:
            self._wanted.update(question.keys)

    async def _run(self) -> None:
        try:
            while self._wanted and not self._broken:
                self._finish(self._engine.step())
                await asyncio.sleep(0)
        except Exception as error:  # of the engine: it will not answer any more
            self._broken = _in_words(error)
        self._refuse(sorted(self._wanted), self._broken)
        self._steps = None

    def _refuse(self, keys: Sequence[int], why: str) -> None:
        self._finish([Reply(key, [], error=why) for key in keys])

    def _finish(self, replies: Sequence[Reply]) -> None:
        self._wanted.difference_update(reply.key for reply in replies)
        self._done += replies
        if self._done:
            self._some.set()


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
