"""Mining from servers that follow a script. As a program it is a run that can be killed: python scripted_mining.py OUT

The n-th answer to query q is always the same; how long a request takes, and so the order in which answers come, is not.
Answers are three tokens: q, n, and 1 if it passes. Later queries pass more often, the first never, the last always.
"""

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from verl_reflect.mine.failure_set import write_failure_set
from verl_reflect.mine.journal import MiningJournal
from verl_reflect.mine.sampling import Sampled, Sampler, sample_all
from verl_reflect.mine.settings import MineSettings
from verl_reflect.records.transcripts import Judgement
from verl_reflect.serving.fleet import Fleet
from verl_reflect.serving.flow import Flow
from verl_reflect.serving.queries import Query, queries

QUERIES = 300
EIGHT = MineSettings(samples=8)
DEATH = "the engine is dead"


def passes(query: int, number: int, of: int) -> bool:
    """Whether an answer passes."""
    return random.Random(f"{query} {number}").random() < query / (of - 1)


@dataclass
class World:
    """What all servers share: the script and the memory of what was asked."""

    queries: int = QUERIES
    asked: Counter[int] = field(default_factory=Counter)
    running: int = 0
    most_running: int = 0
    on_request: Callable[[int], None] = lambda query: None

    def answer(self, query: int) -> list[int]:
        """The next answer to a query."""
        number = self.asked[query]
        self.asked[query] += 1
        self.on_request(query)
        return [query, number, int(passes(query, number, self.queries))]


@dataclass(eq=False)
class ScriptedServer:
    """A server.

    Args:
        seconds: How long a request for a query takes.
        dies_after: It answers so many requests and never again.
        chokes_on: It lives, but fails these queries.
    """

    world: World
    name: str = "one"
    seconds: Callable[[int], float] = lambda query: 0.0
    dies_after: int | None = None
    chokes_on: Sequence[int] = ()
    served: list[int] = field(default_factory=list)
    refused: int = 0

    async def generate(self, prompt_ids: Sequence[int]) -> list[int]:
        query = prompt_ids[0]
        self.world.running += 1
        self.world.most_running = max(self.world.most_running, self.world.running)
        try:
            if query in self.chokes_on:
                raise ValueError(f"cannot take {query}")
            if not await self.alive():
                self.refused += 1
                raise RuntimeError(DEATH)
            self.served.append(query)
            answer = self.world.answer(query)
            await asyncio.sleep(self.seconds(query))
            return answer
        finally:
            self.world.running -= 1

    async def alive(self) -> bool:
        await asyncio.sleep(0)
        return self.dies_after is None or len(self.served) < self.dies_after


def table(rows: int = QUERIES) -> pa.Table:
    """Rows in verl's schema."""
    return pa.Table.from_pylist(
        [
            {
                "data_source": "scripted",
                "prompt": [{"role": "user", "content": f"Query {i}"}],
                "reward_model": {"style": "rule", "ground_truth": {"answer": i}},
                "extra_info": {"index": i},
            }
            for i in range(rows)
        ]
    )


async def judge(response: str, **_: Any) -> Judgement:
    """Reads the verdict off the answer."""
    passed = response.split()[2] == "1"
    return Judgement(float(passed), passed, "none" if passed else f"error {int(response.split()[1]) % 2}")


def words(token_ids: Sequence[int]) -> str:
    """The tokens as words."""
    return " ".join(map(str, token_ids))


def encode(row: Any) -> list[int]:
    """Query q has the prompt q."""
    return [int(row["prompt"][0]["content"].removeprefix("Query "))]


def run(
    out: Path,
    servers: Sequence[ScriptedServer],
    settings: MineSettings = EIGHT,
    in_flight: int = 16,
    rows: int = QUERIES,
    verifier: Any = judge,
    on_sampled: Callable[[Sampled], None] = lambda sampled: None,
    longest_prompt: int = 1,
) -> dict[str, Any]:
    """Mine to the end and write the failure set. Returns the card's counts."""
    data = table(rows)
    journal = MiningJournal(out.with_suffix(".journal.jsonl"), {"settings": settings.of_sampling})
    try:
        flow = Flow(in_flight)
        sample = Sampler(Fleet(servers), verifier, words, settings, flow, longest_prompt)
        left: Any = queries(data, "prompt", encode, frozenset(journal.sampled))
        asyncio.run(sample_all(left, sample, journal, flow, on_sampled))
        return write_failure_set(out, data, journal.sampled, settings, {"model": "scripted"})
    finally:
        journal.close()


def query(index: int) -> Query:
    """One query."""
    return Query(index, [index], "scripted", {"answer": index}, None)


def main(out: Path) -> None:
    """A run of two servers that takes two seconds and notes every request in OUT/requests before it answers."""
    requests = os.open(out / "requests", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    world = World(on_request=lambda query: void(os.write(requests, f"{query}\n".encode())))
    servers = [ScriptedServer(world, name, lambda query: random.random() * 0.025) for name in ("one", "two")]
    run(out / "failures.parquet", servers)


def void(_: object) -> None:
    """Nothing."""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
