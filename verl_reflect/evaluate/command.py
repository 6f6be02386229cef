"""`verl-reflect eval` from start to end."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from verl_reflect.evaluate.conversation import Conversations, sampling_params
from verl_reflect.evaluate.evaluation import Evaluation
from verl_reflect.evaluate.measures import Results
from verl_reflect.evaluate.output import write_results
from verl_reflect.evaluate.record import FIRST_TRY, ConversationRecord, Records, read_record
from verl_reflect.evaluate.settings import EvalSettings
from verl_reflect.records.journal import Journal
from verl_reflect.rollout.shared import Shared
from verl_reflect.serving import engine
from verl_reflect.serving.fleet import Fleet
from verl_reflect.serving.flow import Flow
from verl_reflect.serving.progress import shown
from verl_reflect.serving.start import Serving, Start, data_files

CHECKED = ("verl", "settings", "reward function", "chat template", "token budget")
NO_MATTER = (
    *("generation_timeout", "verifier_timeout", "verifier_processes", "verifier_memory"),
    *("max_replaced_groups", "credit", "keep", "control", "sampler"),
    *("first_attempt", "stale_after", "max_attempts", "penalties", "guards", "expected_reflection_tokens"),
)
"""Settings of the `reflect` section that change nothing about a conversation here."""


@dataclass(frozen=True)
class Evaluated:
    """What came of it."""

    folder: Path
    results: list[Results]
    given_up: list[ConversationRecord]
    """Conversations without an end, with the reason. The same command tries them again."""
    without_verdict: list[str]
    """What the verifier said where it gave no verdict."""
    dead_servers: list[str]


@dataclass
class EvaluationTally:
    """Second tries so far, beside the bar of first attempts."""

    second_tries: int = 0

    def take(self, record: ConversationRecord) -> int:
        """A conversation is over."""
        first = record.condition == FIRST_TRY
        self.second_tries += not first
        return int(first)

    def __str__(self) -> str:
        return f"{self.second_tries:,} second tries"


class Evaluating:
    """One evaluation: a model that is served, its choices, its folder.

    Args:
        data: Files of rows as verl reads them; none for `data.val_files`.

    Raises:
        UnfitError, ValueError: in one sentence, for what cannot work.
    """

    def __init__(
        self, config: DictConfig, settings: EvalSettings, out: Path, data: Sequence[Path] = (), in_flight: int = 0
    ):
        self.serving = Serving(config, CHECKED, data or data_files(config, "val_files"), in_flight, reflects=True)
        self.settings, self.out = settings, out
        self.prompt_key: str = config.data.prompt_key
        if "stored" in settings.conditions and "reflection" not in self.serving.table.column_names:
            raise ValueError("The condition stored retries after the column reflection, which the data have not.")
        self._make_room_for_rounds()

    def origin(self) -> dict[str, Any]:
        """What is evaluated, and how."""
        config = self.serving.config
        return self.serving.origin(
            sampling_params(config, self.settings.greedy),
            reflect=_reflect_section(config),
            settings=asdict(self.settings),
        )

    def belongs_to(self, origin: Mapping[str, Any]) -> dict[str, Any]:
        """What a journal must agree with to be gone on with. Samples and conditions may be more than it has."""
        return {**self.serving.belongs_to(origin, "reflect"), "rounds": self.settings.rounds}

    def __call__(self, start: Start = engine.start) -> Evaluated:
        """Hold the conversations that are missing, and write transcripts and summary.

        Args:
            start: Starts the servers; not called if nothing is left to do.

        Raises:
            JournalError: the journal in the folder is another run's.
            StartError: there are no servers.
            NoServerError: all servers died. What is done is done.
            ValueError: no conversation came to an end.
        """
        table = self.serving.table
        with closing(Journal(self.out / "journal.jsonl", self.belongs_to(self.origin()), read_record)) as journal:
            records = Records(journal.earlier)
            if self._left(records):
                self.serving.serve(partial(self._fill, journal, records), start)
        # The origin is asked for again: a model from the hub is known by its weights once they are loaded.
        origin = {**self.origin(), "run": journal.run}
        found = write_results(self.out, records, table, self.prompt_key, self.settings, origin)
        without_verdict = [record.without_verdict for record in records if record.without_verdict]
        return Evaluated(self.out, found, records.given_up, without_verdict, self.serving.dead_servers)

    def _left(self, records: Records) -> bool:
        firsts = {a: record for a, record in records.of(FIRST_TRY).items() if a[1] < self.settings.samples}
        return len(firsts) < self.serving.table.num_rows * self.settings.samples or any(
            records.find(*answer, name) is None
            for answer, first in firsts.items()
            if first.failed
            for name in self.settings.conditions
        )

    async def _fill(self, journal: Journal[ConversationRecord], records: Records, fleet: Fleet, flow: Flow) -> None:
        table = self.serving.table
        attempts = table.num_rows * self.settings.samples
        done = sum(sample < self.settings.samples for _, sample in records.of(FIRST_TRY))
        conversations = Conversations(self.serving.run, self.settings)
        try:
            with shown("first attempts", attempts, done, EvaluationTally()) as bar:
                evaluation = Evaluation(
                    table=table,
                    prompt_key=self.prompt_key,
                    conversations=conversations,
                    settings=self.settings,
                    fleet=fleet,
                    journal=journal,
                    records=records,
                    flow=flow,
                    on_record=bar,
                )
                await evaluation()
        finally:
            Shared.close()

    def _make_room_for_rounds(self) -> None:
        """Let a conversation of several rounds fit the servers. Raises ValueError if it does not fit the model."""
        further = (self.settings.rounds - 1) * self._round_tokens()
        if not further:
            return
        rollout, limit = self.serving.run.rollout, self.serving.run.model_config.max_position_embeddings
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
        run, encode = self.serving.run, self.serving.prompts.encode
        settings = run.settings
        requests = [*run.reflection_prompts, settings.retry_prompt]
        turns = [len(encode({self.prompt_key: [{"role": "user", "content": each}]})) for each in requests]
        limits = settings.max_reflection_tokens + settings.max_retry_tokens + run.config.data.max_prompt_length
        return max(turns[:-1]) + turns[-1] + limits


def _reflect_section(config: DictConfig) -> dict[str, Any]:
    section = OmegaConf.to_container(config.reflect, resolve=True)
    assert isinstance(section, dict)
    return {str(name): value for name, value in section.items() if name not in NO_MATTER}
