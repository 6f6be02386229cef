"""A server that takes requests in bundles (`stepping.py`), as one that is asked for one answer after the other.

What is asked for in the same moment travels together, the answers to one prompt as one question; and one call at a time
waits for whatever is done. So the number of calls does not grow with the number of answers.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, groupby
from typing import Any, NamedTuple

from verl_reflect.rollout.server_answer import refuse_unusable
from verl_reflect.serving.stepping import Question, Reply

SECONDS_FOR_A_SIGN_OF_LIFE = 60.0


class Request(NamedTuple):
    """One answer that is asked for."""

    key: int
    prompt_ids: Sequence[int]
    sampling_params: Mapping[str, Any]

    @property
    def question(self) -> tuple[int, tuple[tuple[str, Any], ...]]:
        """Equal for requests that travel as one: of the same prompt, the very object."""
        return id(self.prompt_ids), tuple(self.sampling_params.items())


@dataclass(eq=False)
class BundledServer:
    """One server.

    Args:
        name: For messages.
        handle: The Ray actor, with `ask` and `fetch` of `Stepping`.
        sampling_params: Of every request, unless it says otherwise.
        timeout: Seconds for one answer.
    """

    name: str
    handle: Any
    sampling_params: Mapping[str, Any]
    timeout: float
    _keys: "count[int]" = field(default_factory=count)
    _leaving: list[Request] = field(default_factory=list)
    _waiting: "dict[int, asyncio.Future[Reply]]" = field(default_factory=dict)
    _sending: "asyncio.Task[None] | None" = None
    _fetching: "asyncio.Task[None] | None" = None

    async def generate(self, prompt_ids: Sequence[int], **sampling_params: Any) -> list[int]:
        """The token ids of one answer."""
        return await self._answer(prompt_ids, {**self.sampling_params, **sampling_params}, self.timeout)

    async def alive(self) -> bool:
        """Whether it can answer a token with a token."""
        try:
            await self._answer([0], {**self.sampling_params, "max_tokens": 1}, SECONDS_FOR_A_SIGN_OF_LIFE)
        except Exception:  # of Ray, of the server, of its engine
            return False
        return True

    async def _answer(self, prompt_ids: Sequence[int], sampling_params: Mapping[str, Any], timeout: float) -> list[int]:
        request = Request(next(self._keys), prompt_ids, sampling_params)
        self._waiting[request.key] = asyncio.get_running_loop().create_future()
        self._leaving.append(request)
        self._sending = self._sending or asyncio.create_task(self._send())
        try:
            reply = await asyncio.wait_for(self._waiting[request.key], timeout)
        finally:
            self._waiting.pop(request.key, None)
        if reply.error:
            raise RuntimeError(reply.error)
        refuse_unusable(reply.token_ids, reply.stop_reason, None, log_probs_asked=False)
        return reply.token_ids

    async def _send(self) -> None:
        await asyncio.sleep(0)  # whoever asks in the same moment is with us
        leaving, self._leaving, self._sending = self._leaving, [], None
        try:
            await self.handle.ask.remote(_questions(leaving))
        except Exception as error:  # of Ray
            self._fail(error)
        else:
            self._fetching = self._fetching or asyncio.create_task(self._fetch())

    async def _fetch(self) -> None:
        try:
            while self._waiting:
                for reply in await self.handle.fetch.remote():
                    waiting = self._waiting.get(reply.key)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(reply)
                await asyncio.sleep(0)  # who has an answer goes on, and may ask for another
        except Exception as error:  # of Ray
            self._fail(error)
        finally:
            self._fetching = None

    def _fail(self, error: Exception) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error)


def _questions(requests: Sequence[Request]) -> list[Question]:
    questions = []
    for _, group in groupby(requests, lambda request: request.question):
        together = list(group)
        first = together[0]
        keys = [request.key for request in together]
        questions.append(Question(keys, list(first.prompt_ids), dict(first.sampling_params)))
    return questions
