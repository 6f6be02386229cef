"""Sample answers to a query until there are enough, judge them, and choose the failures to keep; many queries at once.

Which answers are asked for depends on the query's earlier answers and on nothing else, and the choice only on seed and
query: so the outcome is the same whatever else goes on at the time, and in whatever order the answers come.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from verl_reflect.mine.settings import MineSettings
from verl_reflect.records.journal import Journal
from verl_reflect.records.transcripts import Judgement
from verl_reflect.serving.fleet import Fleet, RequestError, Route
from verl_reflect.serving.flow import Flow, for_each
from verl_reflect.serving.queries import Query


@dataclass(frozen=True)
class Failure:
    """An answer that failed."""

    text: str
    """What was judged: the model's own words, without special tokens."""
    token_ids: list[int]
    """Verbatim what the server returned."""


@dataclass(frozen=True)
class JudgedAnswer:
    """An answer and what the verifier says of it."""

    text: str
    token_ids: list[int]
    judgement: Judgement

    @property
    def failed(self) -> bool:
        """Judged, and found wrong."""
        return not self.judgement.passed and not self.judgement.error


@dataclass(frozen=True)
class Sampled:
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

    async def __call__(self, query: Query) -> Sampled:
        """Sample one query to its end. Raises NoServerError if nobody is left to ask."""
        if len(query.prompt_ids) > self.longest_prompt:
            return Sampled(query.index, too_long=True)
        with self.fleet.route() as route:
            answers: list[JudgedAnswer] = []
            while self._wanted(answers):
                wave = min(self.settings.first_wave, self.settings.samples - len(answers))
                try:
                    answers += await self._wave(query, route, wave)
                except RequestError as error:
                    return Sampled(query.index, error=str(error))
        return self._sampled(query, answers)

    def _wanted(self, answers: Sequence[JudgedAnswer]) -> bool:
        enough = self.settings.stop_after
        return len(answers) < self.settings.samples and (
            enough is None or sum(answer.failed for answer in answers) < enough
        )

    async def _wave(self, query: Query, route: Route, size: int) -> list[JudgedAnswer]:
        self.flow.ask(size)
        answers = await asyncio.gather(*(self._answer(query, route) for _ in range(size)), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return [answer for answer in answers if isinstance(answer, JudgedAnswer)]

    async def _answer(self, query: Query, route: Route) -> JudgedAnswer:
        try:
            token_ids = await route.generate(query.prompt_ids, self.settings.tries)
            text = self.words(token_ids)
            judgement = await self.judge(
                text, data_source=query.data_source, ground_truth=query.ground_truth, extra_info=query.extra_info
            )
            return JudgedAnswer(text, token_ids, judgement)
        finally:
            self.flow.answered()

    def _sampled(self, query: Query, answers: Sequence[JudgedAnswer]) -> Sampled:
        failures = [answer for answer in answers if answer.failed]
        passed = sum(answer.judgement.passed for answer in answers)
        return Sampled(
            query=query.index,
            passed=passed,
            failed=len(failures),
            unjudged=len(answers) - passed - len(failures),
            unjudged_why=next((answer.judgement.error for answer in answers if answer.judgement.error), ""),
            tokens=sum(len(answer.token_ids) for answer in answers),
            categories=dict(sorted(Counter(failure.judgement.category for failure in failures).items())),
            kept=choose(failures, self.settings.keep, f"{self.settings.seed} {query.index}"),
        )


async def sample_all(
    queries: Iterable[Query],
    sample: Callable[[Query], Awaitable[Sampled]],
    journal: Journal[Sampled],
    flow: Flow,
    on_sampled: Callable[[Sampled], None] = lambda sampled: None,
) -> None:
    """Sample all queries, each written to the journal as it ends, without a barrier between them.

    The first error ends it: what is in the journal stays, and the rest is left for another run.

    Args:
        on_sampled: Called once a query is safe in the journal.
    """

    async def finish(query: Query) -> None:
        sampled = await sample(query)
        await journal.append(sampled)
        on_sampled(sampled)

    await for_each(queries, finish, flow)


def choose(failures: Sequence[JudgedAnswer], count: int, seed: str) -> list[Failure]:
    """Up to `count` failures drawn at random, no two with the same tokens."""
    drawn = random.Random(seed).sample(failures, len(failures))
    different = {tuple(answer.token_ids): answer for answer in reversed(drawn)}  # of equals, the first drawn stays
    kept = [answer for answer in drawn if different[tuple(answer.token_ids)] is answer][:count]
    return [Failure(answer.text, answer.token_ids) for answer in kept]
