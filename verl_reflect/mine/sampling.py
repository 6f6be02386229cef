"""One query: sample answers until there are enough, judge them, and choose the failures to keep.

Which answers are asked for depends on the query's earlier answers and on nothing else, and the choice only on seed and
query: so the outcome is the same whatever else goes on at the time, and in whatever order the answers come.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from verl_reflect.mine.settings import MineSettings
from verl_reflect.rollout.judge import Judgement
from verl_reflect.serving.fleet import Fleet, RequestError, Route
from verl_reflect.serving.flow import Flow
from verl_reflect.serving.queries import Query


@dataclass(frozen=True)
class Failure:
    """An answer that failed."""

    text: str
    """What was judged: the model's own words, without special tokens."""
    token_ids: list[int]
    """Verbatim what the server returned."""


@dataclass(frozen=True)
class Answer:
    """An answer and what the verifier says of it."""

    text: str
    token_ids: list[int]
    judgement: Judgement

    @property
    def failed(self) -> bool:
        """Judged, and found wrong."""
        return not self.judgement.passed and not self.judgement.error


@dataclass(frozen=True)
class Outcome:
    """What is known of a query in the end: a line of the journal."""

    query: int
    passed: int = 0
    failed: int = 0
    unjudged: int = 0
    """Answers on which the verifier gave no verdict. They count neither way."""
    unjudged_why: str = ""
    """Why, of the first of them."""
    tokens: int = 0
    """Of all answers together."""
    categories: dict[str, int] = field(default_factory=dict)
    """Failures by the kind of error that the task names."""
    kept: list[Failure] = field(default_factory=list)
    too_long: bool = False
    """Not asked at all: the prompt is longer than `data.max_prompt_length`."""
    error: str = ""
    """Why there are no answers: the query was given up. Empty if it was not."""

    @property
    def judged(self) -> int:
        """Answers with a verdict."""
        return self.passed + self.failed

    @property
    def pass_rate(self) -> float | None:
        """Share of the judged answers that pass; None without any."""
        return self.passed / self.judged if self.judged else None


class Verifier(Protocol):
    """`verl_reflect.rollout.judge.Judge`, or what stands in for it."""

    def __call__(
        self, response: str, *, data_source: str, ground_truth: object, extra_info: object
    ) -> Awaitable[Judgement]:
        """Judge one response."""


@dataclass(frozen=True)
class Sampler:
    """Samples queries.

    Args:
        words: The model's own words in the ids of an answer.
        longest_prompt: In tokens; longer ones are not asked.
        flow: Told how many answers are asked for and have come.
    """

    fleet: Fleet
    judge: Verifier
    words: Callable[[Sequence[int]], str]
    settings: MineSettings
    flow: Flow
    longest_prompt: int

    async def __call__(self, query: Query) -> Outcome:
        """Sample one query to its end. Raises NoServerError if nobody is left to ask."""
        if len(query.prompt_ids) > self.longest_prompt:
            return Outcome(query.index, too_long=True)
        with self.fleet.route() as route:
            answers: list[Answer] = []
            while self._wanted(answers):
                wave = min(self.settings.first_wave, self.settings.samples - len(answers))
                try:
                    answers += await self._wave(query, route, wave)
                except RequestError as error:
                    return Outcome(query.index, error=str(error))
        return self._outcome(query, answers)

    def _wanted(self, answers: Sequence[Answer]) -> bool:
        enough = self.settings.stop_after
        return len(answers) < self.settings.samples and (
            enough is None or sum(answer.failed for answer in answers) < enough
        )

    async def _wave(self, query: Query, route: Route, size: int) -> list[Answer]:
        self.flow.ask(size)
        answers = await asyncio.gather(*(self._answer(query, route) for _ in range(size)), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return [answer for answer in answers if isinstance(answer, Answer)]

    async def _answer(self, query: Query, route: Route) -> Answer:
        try:
            token_ids = await route.generate(query.prompt_ids, self.settings.tries)
            text = self.words(token_ids)
            judgement = await self.judge(
                text, data_source=query.data_source, ground_truth=query.ground_truth, extra_info=query.extra_info
            )
            return Answer(text, token_ids, judgement)
        finally:
            self.flow.answered()

    def _outcome(self, query: Query, answers: Sequence[Answer]) -> Outcome:
        failures = [answer for answer in answers if answer.failed]
        passed = sum(answer.judgement.passed for answer in answers)
        return Outcome(
            query=query.index,
            passed=passed,
            failed=len(failures),
            unjudged=len(answers) - passed - len(failures),
            unjudged_why=next((answer.judgement.error for answer in answers if answer.judgement.error), ""),
            tokens=sum(len(answer.token_ids) for answer in answers),
            categories=dict(sorted(Counter(failure.judgement.category for failure in failures).items())),
            kept=choose(failures, self.settings.keep, f"{self.settings.seed} {query.index}"),
        )


def choose(failures: Sequence[Answer], count: int, seed: str) -> list[Failure]:
    """Up to `count` failures drawn at random, no two with the same tokens."""
    drawn = random.Random(seed).sample(failures, len(failures))
    different = {tuple(answer.token_ids): answer for answer in reversed(drawn)}  # of equals, the first drawn stays
    kept = [answer for answer in drawn if different[tuple(answer.token_ids)] is answer][:count]
    return [Failure(answer.text, answer.token_ids) for answer in kept]
