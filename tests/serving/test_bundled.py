"""One answer after the other, from a server that is asked in bundles."""

import asyncio
from collections.abc import Sequence

import pytest
from local_actor import LocalActor

from verl_reflect.serving import bundled
from verl_reflect.serving.bundled import BundledServer
from verl_reflect.serving.stepping import Question, Reply


class Handle(LocalActor):
    """The actor. Answers a prompt with its ids, then a number that counts the answers."""

    def __init__(self, stop_reason: str = "stop"):
        super().__init__(self, self.look)
        self.bundles: list[list[Question]] = []
        self.answers = 0
        self.stop_reason = stop_reason
        self.dead = self.deaf = False
        self._keys: list[tuple[int, list[int]]] = []

    def add(self, question: Question) -> None:
        if question.prompt_ids == [13]:
            raise ValueError("cannot take 13")
        self._keys += [] if self.deaf else [(key, list(question.prompt_ids)) for key in question.keys]

    def step(self) -> list[Reply]:
        now, self._keys = self._keys, []
        self.answers += len(now)
        return [Reply(key, [*prompt, self.answers], self.stop_reason) for key, prompt in now]

    def look(self, questions: Sequence[Question]) -> None:
        self.bundles += [list(questions)] if questions else []
        if self.dead:
            raise RuntimeError("the actor is dead")


def server(handle: Handle, timeout: float = 5.0) -> BundledServer:
    return BundledServer("10.0.0.1:0", handle, {"max_tokens": 8, "temperature": 1.0}, timeout)


async def test_what_is_asked_in_one_moment_travels_together_and_a_prompt_only_once() -> None:
    handle, prompts = Handle(), [[1], [2, 2]]
    one = server(handle)
    answers = await asyncio.gather(*(one.generate(prompt) for prompt in prompts for _ in range(64)))
    assert [answer[:-1] for answer in answers] == [prompt for prompt in prompts for _ in range(64)]
    [bundle] = handle.bundles
    assert [(len(question.keys), question.prompt_ids) for question in bundle] == [(64, [1]), (64, [2, 2])]
    assert handle.fetches < 5


async def test_requests_have_their_own_parameters() -> None:
    handle = Handle()
    one, prompt = server(handle), [1]
    await asyncio.gather(one.generate(prompt), one.generate(prompt, temperature=0.0), one.generate(prompt))
    given = [question.sampling_params for question in handle.bundles[0]]
    assert [each["temperature"] for each in given] == [1.0, 0.0, 1.0]
    assert all(each["max_tokens"] == 8 for each in given)


async def test_a_request_that_fails_fails_alone() -> None:
    one = server(Handle())
    good, bad = await asyncio.gather(one.generate([1]), one.generate([13]), return_exceptions=True)
    assert good == [1, 1] and str(bad) == "ValueError: cannot take 13"
    assert await one.generate([2]) == [2, 2] and await one.alive()


async def test_a_late_answer_is_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "SECONDS_FOR_A_SIGN_OF_LIFE", 0.05)
    handle = Handle()
    one = server(handle, timeout=0.05)
    handle.deaf = True
    with pytest.raises((TimeoutError, asyncio.TimeoutError)):
        await one.generate([1])
    assert not await one.alive()
    handle.deaf = False
    assert await one.generate([2]) == [2, 1] and await one.alive()


async def test_all_that_wait_for_a_server_hear_of_its_death() -> None:
    handle = Handle()
    one = server(handle)
    handle.deaf = True
    waiting = [asyncio.create_task(one.generate([number])) for number in range(3)]
    await asyncio.sleep(0.05)
    handle.dead = True
    last = await asyncio.gather(one.generate([9]), *waiting, return_exceptions=True)
    assert {str(each) for each in last} == {"the actor is dead"} and not await one.alive()


async def test_an_answer_that_was_given_up_is_none() -> None:
    one = server(Handle(stop_reason="abort"))
    with pytest.raises(RuntimeError, match="The server gave up a request after 2 tokens"):
        await one.generate([1])
