"""One session of a transcript: attempt, verdict, reflection, retries, reward. Text from a model is made readable here.

Half a surrogate pair has no place in a file, and control characters have no shape: the first becomes U+FFFD, the others
are spelled out, as in `\\x1b`. What is left is still data and is escaped wherever it is shown.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Item = tuple[int, str]
"""What makes two sessions sessions on the same item: its number and its task."""

CONDITIONS = ("reflect", "blind", "fixed", "swapped", "stored", "first_try")
"""How a second try came about; `first_try`: there is none, not even after a failure."""

_UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def readable(text: str) -> str:
    """The text with a visible sign for every character that has no shape or cannot be written to a file."""
    return _UNREADABLE.sub(_sign, text.replace("\r\n", "\n"))


def _sign(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class Turn:
    """What the model said at one turn, and how many tokens that took, the end of the turn included."""

    text: str
    tokens: int
    truncated: bool = False

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> "Turn":
        """The turn of a transcript."""
        return cls(readable(fields["text"]), int(fields["tokens"]), bool(fields["truncated"]))


@dataclass(frozen=True)
class Session:
    """One session."""

    group: str
    """The same for all reflections on one failed attempt, in training."""
    item: Item
    data_source: str
    condition: str
    """One of CONDITIONS, or `""` where the transcript does not say (`with_conditions`)."""
    task: str
    attempt: Turn
    passed: bool
    """At the first try."""
    error: str
    """Of the first attempt, as the task names it; `none` if it passed."""
    reflection: Turn | None
    retries: tuple[Turn, ...]
    last_error: str
    """Of the last try."""
    second_try: float
    """Share of the retries that passed."""
    penalty: float
    """What the reward was less than that success; 0 unless the run had penalties."""
    own_attempt: bool
    """The model made the first attempt now; it did not come with the data."""
    validation: bool

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> "Session":
        """A line of a transcript. Raises KeyError, TypeError or ValueError if it is none."""
        metrics, first_try = line["metrics"], line["first_try"]
        task, condition = readable(line["task"]), line.get("condition") or ""
        if condition not in ("", *CONDITIONS):
            raise ValueError(f"the condition is {condition!r}, not one of {', '.join(CONDITIONS)}")
        return cls(
            group=str(line["key"]).partition("_")[0],
            item=(int(line.get("item", line["index"])), task),  # an evaluation counts its items over all of its data
            data_source=readable(line["data_source"]),
            condition=condition,
            task=task,
            attempt=Turn.read(line["attempt"]),
            passed=bool(first_try["passed"]),
            error=readable(first_try["category"]),
            reflection=Turn.read(line["reflection"]) if line["reflection"] else None,
            retries=tuple(map(Turn.read, line["retries"])),
            last_error=readable(metrics["category"]),
            second_try=float(metrics["second_try"]),
            penalty=float(metrics.get("penalty", 0.0)),
            own_attempt=bool(line.get("own_attempt", False)),
            validation=bool(line["validate"]),
        )

    @property
    def in_the_end(self) -> float:
        """Success at the first try or, failing that, at the second: 0 to 1."""
        return 1.0 if self.passed else self.second_try

    @property
    def reward(self) -> float:
        """What was paid in training."""
        return self.in_the_end - self.penalty

    def turn_tokens(self, turns: Sequence[str]) -> int:
        """Tokens of some of the turns `attempt`, `reflection` and `retry`."""
        spoken = {
            "attempt": [self.attempt],
            "reflection": [self.reflection] if self.reflection else [],
            "retry": list(self.retries),
        }
        return sum(turn.tokens for name in turns for turn in spoken[name])

    @property
    def generated_tokens(self) -> int:
        """Tokens that the model wrote in this session; an attempt that is stored or shared is not counted."""
        return self.turn_tokens(("attempt", "reflection", "retry") if self.own_attempt else ("reflection", "retry"))


def with_conditions(sessions: Sequence[Session]) -> list[Session]:
    """The sessions of one validation, each data source's with the condition that what happened in it shows."""
    reflected = {session.data_source for session in sessions if session.reflection}
    retried = {session.data_source for session in sessions if session.retries}

    def condition(session: Session) -> str:
        if session.data_source in reflected:
            return "reflect"
        return "blind" if session.data_source in retried else "first_try"

    return [session if session.condition else replace(session, condition=condition(session)) for session in sessions]
