"""`verl-reflect mine` from start to end."""

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from verl_reflect.mine.failure_set import write_failure_set
from verl_reflect.mine.journal import MiningJournal
from verl_reflect.mine.sampling import Sampled, Sampler, sample_all
from verl_reflect.mine.settings import MineSettings
from verl_reflect.rollout.judge import Judge
from verl_reflect.serving import engine
from verl_reflect.serving.fleet import Fleet
from verl_reflect.serving.flow import Flow
from verl_reflect.serving.progress import shown
from verl_reflect.serving.queries import queries
from verl_reflect.serving.start import Serving, Start, data_files

CHECKED = ("verl", "settings", "reward function", "chat template")


@dataclass(frozen=True)
class Mined:
    """What came of it."""

    path: Path
    counts: dict[str, Any]
    given_up: list[Sampled]
    """Queries without answers, with the reason. The same command tries them again."""
    dead_servers: list[str]
    """Servers that died on the way. Others did their work."""
    why_unjudged: str
    """What the verifier said of an answer without a verdict; empty if there is none."""


@dataclass
class MiningTally:
    """Answers a second and failures found, beside the bar of queries."""

    answers: int = 0
    failures: int = 0
    since: float = field(default_factory=time.monotonic)

    def take(self, sampled: Sampled) -> int:
        """A query is finished."""
        self.answers += sampled.judged + sampled.unjudged
        self.failures += sampled.failed
        return 1

    def __str__(self) -> str:
        speed = self.answers / max(time.monotonic() - self.since, 1e-9)
        return f"{speed:,.0f} answers/s, {self.failures} failures"


def journal_path(out: Path) -> Path:
    """Where the progress of a failure set is kept: `failures.journal.jsonl` for `failures.parquet`."""
    return out.with_suffix(".journal.jsonl")


class Mining:
    """One failure set: a model that is served, its choices, its file.

    Args:
        data: Files of rows as verl reads them; none for `data.train_files`.

    Raises:
        UnfitError, ValueError: in one sentence, for what cannot work.
    """

    def __init__(
        self, config: DictConfig, settings: MineSettings, out: Path, data: Sequence[Path] = (), in_flight: int = 0
    ):
        self.serving = Serving(config, CHECKED, data or data_files(config, "train_files"), in_flight, reflects=False)
        self.settings, self.out = settings, out

    def origin(self) -> dict[str, Any]:
        """Where the failures come from, for the card."""
        return self.serving.origin(engine.sampling_params(self.serving.config), settings=self.settings.of_sampling)

    def belongs_to(self, origin: Mapping[str, Any]) -> dict[str, Any]:
        """What a journal must agree with to be gone on with."""
        return self.serving.belongs_to(origin, "settings")

    def __call__(self, start: Start = engine.start) -> Mined:
        """Mine what is not mined yet, and write the failure set.

        Args:
            start: Starts the servers; not called if nothing is left to do.

        Raises:
            JournalError: the journal beside `out` is another run's.
            StartError: there are no servers.
            NoServerError: all servers died. What is done is done.
            ValueError: there is no failure at all.
        """
        table = self.serving.table
        with closing(MiningJournal(journal_path(self.out), self.belongs_to(self.origin()))) as journal:
            if len(journal.sampled) < table.num_rows:
                self.serving.serve(partial(self.fill, journal), start)
            # The origin is asked for again: a model from the hub is known by its weights once they are loaded.
            origin = {**self.origin(), "run": journal.run}
            counts = write_failure_set(self.out, table, journal.sampled, self.settings, origin)
            sampled = sorted(journal.sampled.values(), key=lambda each: each.query)
            given_up = [each for each in sampled if each.error]
            why_unjudged = next((each.unjudged_why for each in sampled if each.unjudged), "")
            return Mined(self.out, counts, given_up, self.serving.dead_servers, why_unjudged)

    async def fill(self, journal: MiningJournal, fleet: Fleet, flow: Flow) -> None:
        """Mine what the journal lacks."""
        data, prompts, table = self.serving.config.data, self.serving.prompts, self.serving.table
        with (
            closing(Judge.from_config(self.serving.config)) as judge,
            shown("queries", table.num_rows, len(journal.sampled), MiningTally()) as bar,
        ):
            sample = Sampler(fleet, judge, prompts.words, self.settings, flow, data.max_prompt_length)
            left = queries(table, data.prompt_key, prompts.encode, frozenset(journal.sampled))
            await sample_all(left, sample, journal, flow, bar)
