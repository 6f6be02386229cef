"""One session of a transcript: attempt, verdict, reflection, retries, reward. Text from a model is made readable here.

Half a surrogate pair has no place in a file, and control characters have no shape: the first becomes U+FFFD, the others
are spelled out, as in `\\x1b`. What is left is still data and is escaped wherever it is shown.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from verl_reflect.records.transcripts import Judgement, Transcript, Utterance
from verl_reflect.rollout.ways import WAYS

ItemKey = tuple[int | str, str]
"""What makes two sessions sessions on the same item: its number and its task."""

CONDITIONS = tuple(WAYS)
"""How a second try came about; `first_try`: there is none, not even after a failure."""

_UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def readable(text: str) -> str:
    """The text with a visible sign for every character that has no shape or cannot be written to a file."""
    return _UNREADABLE.sub(_sign, text.replace("\r\n", "\n"))


def _sign(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class ShownTurn:
    """What the model said at one turn, and how many tokens that took, the end of the turn included."""

    text: str
    tokens: int
    truncated: bool = False

    @classmethod
    def of(cls, said: Utterance) -> "ShownTurn":
        """The turn of a transcript."""
        return cls(readable(said.text), said.tokens, said.truncated)


@dataclass(frozen=True)
class ShownVerdict:
    """What the verifier said of a try."""

    passed: bool
    error: str
    """As the task names it; `none` if it passed."""
    detail: str = ""
    """More, for a person."""

    @classmethod
    def of(cls, verdict: Judgement) -> "ShownVerdict":
        """The verdict of a transcript."""
        return cls(verdict.passed, readable(verdict.category), readable(verdict.detail))


@dataclass(frozen=True)
class ShownSession:
    """One session."""

    group: str
    """The same for all reflections on one failed attempt, in training."""
    item: ItemKey
    data_source: str
    condition: str
    """One of CONDITIONS, or `""` where the transcript does not say (`with_conditions`)."""
    task: str
    attempt: ShownTurn
    first_verdict: ShownVerdict
    reflection: ShownTurn | None
    retries: tuple[ShownTurn, ...]
    retry_verdicts: tuple[ShownVerdict, ...]
    """One for each retry."""
    second_try: float
    """Share of the retries that passed."""
    penalty: float
    """What the reward was less than that success; 0 unless the run had penalties."""
    own_attempt: bool
    """The model made the first attempt now; it did not come with the data."""
    validation: bool

    @classmethod
    def of(cls, told: Transcript) -> "ShownSession":
        """A transcript. Raises ValueError for a condition that there is not."""
        task, condition = readable(told.task), told.condition or ""
        if condition not in ("", *CONDITIONS):
            raise ValueError(f"the condition is {condition!r}, not one of {', '.join(CONDITIONS)}")
        return cls(
            group=told.group,
            item=(told.index if told.item is None else told.item, task),
            data_source=readable(told.data_source),
            condition=condition,
            task=task,
            attempt=ShownTurn.of(told.attempt),
            first_verdict=ShownVerdict.of(told.first_try),
            reflection=ShownTurn.of(told.reflection) if told.reflection else None,
            retries=tuple(map(ShownTurn.of, told.retries)),
            retry_verdicts=_retry_verdicts(told),
            second_try=told.number("second_try"),
            penalty=float(told.metrics.get("penalty", 0.0)),
            own_attempt=told.own_attempt,
            validation=told.validate,
        )

    @property
    def passed(self) -> bool:
        """At the first try."""
        return self.first_verdict.passed

    @property
    def last_verdict(self) -> ShownVerdict:
        """On the last try."""
        return (self.first_verdict, *self.retry_verdicts)[-1]

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


def _retry_verdicts(told: Transcript) -> tuple[ShownVerdict, ...]:
    """One for each retry. An earlier version wrote only how the last one ended: then that is said of all."""
    if told.retries and not told.retry_verdicts:
        ended = ShownVerdict(told.number("second_try") > 0, readable(str(told.metrics["category"])))
        return (ended,) * len(told.retries)
    return tuple(map(ShownVerdict.of, told.retry_verdicts))


def with_conditions(sessions: Sequence[ShownSession]) -> list[ShownSession]:
    """The sessions of one validation, each data source's with the condition that what happened in it shows."""
    reflected = {session.data_source for session in sessions if session.reflection}
    retried = {session.data_source for session in sessions if session.retries}

    def condition(session: ShownSession) -> str:
        if session.data_source in reflected:
            return "reflect"
        return "blind" if session.data_source in retried else "first_try"

    return [session if session.condition else replace(session, condition=condition(session)) for session in sessions]
