"""`verl-reflect eval` from start to end."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from omegaconf import DictConfig, OmegaConf, open_dict

from verl_reflect.checks.every import CHECKS
from verl_reflect.checks.run import Run
from verl_reflect.evaluate.conversation import Conversations, sampling_params
from verl_reflect.evaluate.evaluation import Evaluation
from verl_reflect.evaluate.measures import Results
from verl_reflect.evaluate.output import write_results
from verl_reflect.evaluate.progress import shown
from verl_reflect.evaluate.record import FIRST_TRY, Record, Records, read_record
from verl_reflect.evaluate.settings import EvalSettings
from verl_reflect.mine.command import answers_depend_on, check_judgeable, data_files, origin_of, started
from verl_reflect.records.journal import Journal
from verl_reflect.rollout.loop import RetryAgentLoop
from verl_reflect.serving import engine
from verl_reflect.serving.fleet import Fleet, Server
from verl_reflect.serving.flow import Flow
from verl_reflect.serving.prompts import Prompts
from verl_reflect.serving.queries import read_tables

CHECKED = ("verl", "settings", "chat template", "token budget", "reward function")
NO_MATTER = (
    *("generation_timeout", "verifier_timeout", "max_replaced_groups", "credit", "keep", "control", "sampler"),
    *("first_attempt", "stale_after", "max_attempts", "penalties", "guards", "expected_reflection_tokens"),
)
"""Settings of the `reflect` section that change nothing about a conversation here."""


@dataclass(frozen=True)
class Evaluated:
    """What came of it."""

    folder: Path
    results: list[Results]
    given_up: list[Record]
    """Conversations without an end, with the reason. The same command tries them again."""
    without_verdict: list[str]
    """What the verifier said where it gave no verdict."""
    dead_servers: list[str]


class Evaluating:
    """One evaluation: a configuration, its input, its choices, its folder.

    Args:
        data: Parquet files; none for `data.val_files`.

    Raises:
        UnfitError, ValueError: in one sentence, for what cannot work.
    """

    def __init__(
        self, config: DictConfig, settings: EvalSettings, out: Path, data: Sequence[Path] = (), in_flight: int = 0
    ):
        self.run = Run(config)
        for name in CHECKED:
            CHECKS[name](self.run)
        self.config, self.settings, self.out = config, settings, out
        self.data = list(data) or data_files(config, "val_files")
        self.prompt_key: str = config.data.prompt_key
        self.table: pa.Table = read_tables(self.data, self.prompt_key)
        check_judgeable(config, self.table)
        if "stored" in settings.conditions and "reflection" not in self.table.column_names:
            raise ValueError("The condition stored retries after the column reflection, which the data have not.")
        self.prompts = Prompts(self.run)
        self._make_room_for_rounds()
        self.dead_servers: list[str] = []
        self.in_flight = in_flight or 2 * config.actor_rollout_ref.rollout.max_num_seqs * engine.count(config)

    def origin(self) -> dict[str, Any]:
        """What is evaluated, and how."""
        choices = {"reflect": _reflect_section(self.config), "settings": asdict(self.settings)}
        return origin_of(self.run, self.prompts, sampling_params(self.config, self.settings.greedy), choices, self.data)

    def belongs_to(self, origin: Mapping[str, Any]) -> dict[str, Any]:
        """What a journal must agree with to be gone on with. Samples and conditions may be more than it has."""
        same = {name: origin[name] for name in ("chat_template", "sampling", "reflect", "data")}
        return {**same, **answers_depend_on(self.config, origin), "rounds": self.settings.rounds}

    def __call__(self, start: Callable[[DictConfig], Awaitable[list[Server]]] = engine.start) -> Evaluated:
        """Hold the conversations that are missing, and write transcripts and summary.

        Args:
            start: Starts the servers; not called if nothing is left to do.

        Raises:
            JournalError: the journal in the folder is another run's.
            StartError: there are no servers.
            NoServerError: all servers died. What is done is done.
            ValueError: no conversation came to an end.
        """
        origin = self.origin()
        with closing(Journal(self.out / "journal.jsonl", self.belongs_to(origin), read_record)) as journal:
            records = Records(journal.earlier)
            if self._left(records):
                try:
                    asyncio.run(self._fill(journal, records, start))
                finally:
                    engine.stop()
        found = write_results(self.out, records, self.table, self.prompt_key, self.settings, origin)
        without_verdict = [record.without_verdict for record in records if record.without_verdict]
        return Evaluated(self.out, found, records.given_up, without_verdict, self.dead_servers)

    def _left(self, records: Records) -> bool:
        firsts = {a: record for a, record in records.of(FIRST_TRY).items() if a[1] < self.settings.samples}
        return len(firsts) < self.table.num_rows * self.settings.samples or any(
            records.find(*answer, name) is None
            for answer, first in firsts.items()
            if first.failed
            for name in self.settings.conditions
        )

    async def _fill(
        self, journal: Journal[Record], records: Records, start: Callable[[DictConfig], Awaitable[list[Server]]]
    ) -> None:
        fleet = Fleet(await started(start, self.config))
        conversations = Conversations(self.run, self.settings)
        attempts = self.table.num_rows * self.settings.samples
        done = sum(sample < self.settings.samples for _, sample in records.of(FIRST_TRY))
        try:
            with shown(attempts, done) as bar:
                evaluation = Evaluation(
                    table=self.table,
                    prompt_key=self.prompt_key,
                    conversations=conversations,
                    settings=self.settings,
                    fleet=fleet,
                    journal=journal,
                    records=records,
                    flow=Flow(self.in_flight),
                    on_record=bar,
                )
                await evaluation()
        finally:
            RetryAgentLoop.close()
        self.dead_servers = fleet.dead

    def _make_room_for_rounds(self) -> None:
        """Let a conversation of several rounds fit the servers. Raises ValueError if it does not fit the model."""
        further = (self.settings.rounds - 1) * self._round_tokens()
        if not further:
            return
        rollout, limit = self.config.actor_rollout_ref.rollout, self.run.model_config.max_position_embeddings
        needed = rollout.max_model_len + further
        if needed > limit:
            raise ValueError(
                f"{self.settings.rounds} rounds can take {needed} tokens and the model's max_position_embeddings is "
                f"{limit}; ask for fewer rounds, or lower reflect.max_reflection_tokens and reflect.max_retry_tokens."
            )
        with open_dict(rollout):
            rollout.max_model_len = needed

    def _round_tokens(self) -> int:
        """Most tokens of one second try: the request, the reflection, the task again, the retry."""
        settings = self.run.settings
        requests = [*self.run.reflection_prompts, settings.retry_prompt]
        turns = [len(self.prompts.encode({self.prompt_key: [{"role": "user", "content": each}]})) for each in requests]
        limits = settings.max_reflection_tokens + settings.max_retry_tokens + self.config.data.max_prompt_length
        return max(turns[:-1]) + turns[-1] + limits


def _reflect_section(config: DictConfig) -> dict[str, Any]:
    section = OmegaConf.to_container(config.reflect, resolve=True)
    assert isinstance(section, dict)
    return {str(name): value for name, value in section.items() if name not in NO_MATTER}
