"""What is known of a conversation: a line of the journal. A first attempt is one, and each second try after it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from verl_reflect.records.transcripts import Judgement, Utterance

FIRST_TRY = "first_try"
"""Stands in a record where the others name their condition."""


@dataclass(frozen=True)
class Round:
    """A second try."""

    reflection: Utterance | None
    """None in a blind retry."""
    retries: tuple[Utterance, ...]
    """Empty if the reflection was empty or forged a turn."""
    verdicts: tuple[Judgement, ...]
    """Of the retries."""

    @property
    def passed(self) -> float:
        """Share of the retries that passed."""
        return sum(verdict.passed for verdict in self.verdicts) / len(self.verdicts) if self.verdicts else 0.0


@dataclass(frozen=True)
class ConversationRecord:
    """One conversation, or what of it is not already in the record of its first attempt."""

    item: int
    """Its row, counted over all files of the input."""
    sample: int
    condition: str
    """FIRST_TRY, or one of `verl_reflect.evaluate.settings.CONDITIONS`."""
    attempt: Utterance | None = None
    """Of a first try."""
    verdict: Judgement | None = None
    """On the attempt."""
    stored: bool = False
    """The attempt is the row's (column `first_attempt`), not this model's."""
    rounds: tuple[Round, ...] = ()
    """Of a condition."""
    error: str = ""
    """Why it was given up; empty if it was not."""

    @property
    def key(self) -> tuple[int, int, str]:
        """What it is the record of."""
        return self.item, self.sample, self.condition

    @property
    def failed(self) -> bool:
        """A first attempt that was judged, and found wrong."""
        return self.verdict is not None and not self.verdict.passed and not self.verdict.error

    @property
    def without_verdict(self) -> str:
        """What the verifier said where it gave no verdict; empty if it gave all."""
        verdicts = [self.verdict, *(verdict for round in self.rounds for verdict in round.verdicts)]
        return next((verdict.error for verdict in verdicts if verdict and verdict.error), "")

    def passed_within(self, rounds: int) -> list[float]:
        """Success within 1, 2, ... rounds: the share of the retries that passed in the best of them."""
        shares = [each.passed for each in self.rounds[:rounds]]
        return [max(shares[: count + 1], default=0.0) for count in range(rounds)]


_record = TypeAdapter(ConversationRecord)


def read_record(fields: Mapping[str, Any]) -> ConversationRecord:
    """The record of a journal's line. Raises ValueError for other fields."""
    return _record.validate_python(fields)


class Records:
    """All that is known so far, without what was given up: that is tried again.

    Args:
        earlier: Where an earlier run stopped.
    """

    def __init__(self, earlier: Iterable[ConversationRecord] = ()):
        self._by_key = {record.key: record for record in earlier if not record.error}
        self._given_up: dict[tuple[int, int, str], ConversationRecord] = {}

    def __iter__(self) -> Iterator[ConversationRecord]:
        return iter(self._by_key.values())

    def add(self, record: ConversationRecord) -> None:
        """Take one in."""
        if record.error:
            self._given_up[record.key] = record
        else:
            self._by_key[record.key] = record

    def find(self, item: int, sample: int, condition: str) -> ConversationRecord | None:
        """That record, if it is there."""
        return self._by_key.get((item, sample, condition))

    @property
    def given_up(self) -> list[ConversationRecord]:
        """What was given up in this run, in order."""
        return [self._given_up[key] for key in sorted(self._given_up)]

    def why_given_up(self, item: int, sample: int, condition: str) -> str:
        """Why there is no such record, if it was given up in this run; else empty."""
        lost = self._given_up.get((item, sample, condition))
        return lost.error if lost else ""

    def of(self, condition: str) -> dict[tuple[int, int], ConversationRecord]:
        """The records of a condition, by item and sample, in order."""
        return {(i, s): record for (i, s, of), record in sorted(self._by_key.items()) if of == condition}
