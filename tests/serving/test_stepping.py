"""An engine that is stepped between questions and answers."""

import asyncio
from dataclasses import dataclass, field

from verl_reflect.serving.stepping import Question, Reply, Stepping


@dataclass
class Countdown:
    """Writes a token a step; an answer to the prompt n is n tokens long."""

    breaks_after: int = 10**6
    steps: int = 0
    left: dict[int, int] = field(default_factory=dict)

    def add(self, question: Question) -> None:
        if question.prompt_ids[0] < 0:
            raise ValueError("cannot take it")
        self.left.update({key: question.prompt_ids[0] for key in question.keys})

    def step(self) -> list[Reply]:
        self.steps += 1
        if self.steps > self.breaks_after:
            raise RuntimeError("out of memory")
        self.left = {key: left - 1 for key, left in self.left.items()}
        done = [key for key, left in self.left.items() if left == 0]
        return [Reply(key, [self.steps], "stop") for key in done if self.left.pop(key) == 0]


async def fetched(stepping: Stepping, count: int) -> list[list[Reply]]:
    """Bundles, until so many answers have come."""
    bundles: list[list[Reply]] = []
    while sum(map(len, bundles)) < count:
        bundles.append(await asyncio.wait_for(stepping.fetch(), 5))
    return bundles


async def test_every_answer_comes_once_and_none_waits_for_a_longer_one() -> None:
    engine = Countdown()
    stepping = Stepping(engine)
    stepping.ask([Question([1, 2], [1], {}), Question([3], [10**6], {})])
    first = (await fetched(stepping, 2))[0]
    assert [reply.key for reply in first] == [1, 2] and engine.left, "the long one is still being written"
    stepping.ask([Question([4], [1], {})])
    assert [[reply.key for reply in bundle] for bundle in await fetched(stepping, 1)] == [[4]]


async def test_an_engine_without_questions_is_not_stepped() -> None:
    engine = Countdown()
    stepping = Stepping(engine)
    for key in range(3):
        stepping.ask([Question([key], [2], {})])
        await fetched(stepping, 1)
        await asyncio.sleep(0.01)
        assert engine.steps == 2 * (key + 1)


async def test_quick_answers_leave_together() -> None:
    stepping = Stepping(Countdown())
    stepping.ask([Question([length], [length], {}) for length in range(1, 101)])
    assert len(await fetched(stepping, 100)) < 10


async def test_a_question_that_the_engine_refuses_spoils_no_other() -> None:
    stepping = Stepping(Countdown())
    stepping.ask([Question([1, 2], [-1], {}), Question([3], [1], {})])
    replies = {reply.key: reply for bundle in await fetched(stepping, 3) for reply in bundle}
    assert replies[1].error == replies[2].error == "ValueError: cannot take it"
    assert replies[3].token_ids and not replies[3].error


async def test_a_broken_engine_answers_nobody_and_says_why() -> None:
    engine = Countdown(breaks_after=1)
    stepping = Stepping(engine)
    stepping.ask([Question([1], [1], {}), Question([2], [5], {})])
    replies = [reply for bundle in await fetched(stepping, 2) for reply in bundle]
    assert [(reply.key, reply.error) for reply in replies] == [(1, ""), (2, "RuntimeError: out of memory")]
    stepping.ask([Question([3], [1], {})])
    assert [[reply.error for reply in bundle] for bundle in await fetched(stepping, 1)] == [
        ["RuntimeError: out of memory"]
    ]
    assert engine.steps == 2, "it is not tried again"
