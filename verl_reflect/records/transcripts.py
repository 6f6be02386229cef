"""The transcript of a session: what was said and how it was judged. Its one schema, written and read here alone.

A session's `Episode` travels from the agent loop through verl in a row's `extra_fields["episode"]`: as an `Episode` to
the reward manager, and as plain dictionaries, which is what verl makes of a dataclass, to the replay buffer. With its
place and its numbers it is a `Transcript`, one JSON line or one row of a table.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
from pydantic import BeforeValidator, TypeAdapter, ValidationError

from verl_reflect.records.whole_file import add_whole, write_whole


def _encodable(text: Any) -> Any:
    """Half a surrogate pair has no place in a file: it becomes U+FFFD."""
    if isinstance(text, str) and not text.isascii():
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


Text = Annotated[str, BeforeValidator(_encodable)]


@dataclass(frozen=True)
class Utterance:
    """One turn of the model."""

    text: Text
    """The model's own words, without special tokens."""
    tokens: int
    """Number of token ids that the server returned, the end-of-turn token included."""
    truncated: bool = False
    """Cut off at its token limit."""
    forged: bool = False
    """Went on past a chat marker, as if writing somebody else's turn."""
    token_ids: tuple[int, ...] = ()
    """The ids themselves: text does not always lead back to them, and a transcript should be enough to compute with."""
    weights: tuple[int, int] | None = None
    """Steps after which the weights were made that wrote its first and its last token: two, where verl's asynchronous
    trainers changed them in between. None if the server does not say, or the data carry the turn."""
    prompt_tokens: int | None = None
    """Number of token ids that the server was given before it; None where nobody noted it."""
    cached_tokens: int | None = None
    """Of these, those that the server had in its prefix cache; None if it did not say, as for a stored turn."""

    @property
    def empty(self) -> bool:
        """Nothing but white space."""
        return not self.text.strip()


@dataclass(frozen=True)
class Judgement:
    """What the reward function says of one response."""

    score: float
    """As returned."""
    passed: bool
    """The score reaches `reflect.success_threshold`."""
    category: Text = ""
    """Kind of error, if the reward function names one."""
    error: Text = ""
    """Why there is no verdict; empty if there is one."""
    detail: Text = ""
    """More about the error, for a person: such as which parameter was wrong. Never shown to the model."""


NOT_GIVEN_AWAY = Judgement(0.0, False)


@dataclass(frozen=True)
class Episode:
    """One session: a failed (or solved) first attempt and what was made of it, all of it judged."""

    index: int | Text
    """`extra_info.index` of the data row, text if it is no whole number; 0 if it has none."""
    data_source: Text
    task: Text
    """The task's last user message."""
    attempt: Utterance
    first_try: Judgement
    reflection: Utterance | None = None
    """None if the attempt passed, or in a blind retry."""
    retries: tuple[Utterance, ...] = ()
    """Empty if the attempt passed, or if the reflection was empty or forged a turn."""
    retry_verdicts: tuple[Judgement, ...] = ()
    """One for each retry."""
    given_away: Judgement | None = NOT_GIVEN_AWAY
    """Passed if the reflection states the answer itself (`Task.gives_away`); None if nobody looked."""
    validate: bool = False
    own_attempt: bool = False
    """The model made the attempt for this session alone."""
    attempts: int = 0
    """First attempts that the model made for the group until one failed; 0 if the data carry it."""
    attempts_tokens: int = 0
    """Tokens of all of these."""

    @property
    def second_try(self) -> float:
        """Share of the retries that passed, and with it the reflection's reward (paper, section 3)."""
        verdicts = self.retry_verdicts
        return sum(verdict.passed for verdict in verdicts) / len(verdicts) if verdicts else 0.0

    @property
    def last_verdict(self) -> Judgement:
        """On the last try."""
        return (self.first_try, *self.retry_verdicts)[-1]

    @property
    def generated(self) -> tuple[Utterance, ...]:
        """The turns that this session made the model take. A shared or stored attempt is not counted."""
        attempt = (self.attempt,) if self.own_attempt else ()
        return (*attempt, *((self.reflection,) if self.reflection else ()), *self.retries)


@dataclass(frozen=True, kw_only=True)
class Transcript(Episode):
    """An episode with its place and its numbers."""

    key: str
    """`group_session`: the same group for all reflections on one failed attempt, in training."""
    step: int = 0
    metrics: dict[str, float | Text] = field(default_factory=dict)
    """What verl was told of it (`Outcome.metrics`), and the error `category` of the last try."""
    run: Text = ""
    """The run or evaluation that it is of (run.py, journal.py); empty where an earlier version wrote it."""
    start: int = 0
    """Which start of the run."""
    item: int | None = None
    """An evaluation counts its items over all of its data."""
    condition: Text | None = None
    """Of an evaluation: how the second try came about (rollout/ways.py)."""
    given_up: Text | None = None
    """Of an evaluation: why there is no second try."""

    @property
    def group(self) -> str:
        """What its key begins with."""
        return self.key.partition("_")[0]

    def number(self, metric: str) -> float:
        """One of its metrics. Raises KeyError if it has not that one."""
        return float(self.metrics[metric])

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> "Transcript":
        """A line or a row. Raises ValueError, in one sentence, if it is none."""
        try:
            return _SCHEMA.validate_python(dict(fields))
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            place = ".".join(map(str, fault["loc"]))
            raise ValueError(f"{place}: {fault['msg']}") from error


_SCHEMA = TypeAdapter(Transcript)
_ONLY_EVALUATIONS_HAVE = ("item", "condition", "given_up")

UTTERANCE = pa.struct(
    {
        "text": pa.string(),
        "tokens": pa.int64(),
        "truncated": pa.bool_(),
        "forged": pa.bool_(),
        "token_ids": pa.list_(pa.int64()),
        "prompt_tokens": pa.int64(),
        "cached_tokens": pa.int64(),
    }
)
JUDGEMENT = pa.struct(
    {
        "score": pa.float64(),
        "passed": pa.bool_(),
        "category": pa.string(),
        "error": pa.string(),
        "detail": pa.string(),
    }
)
COLUMNS = {
    "key": pa.string(),
    "index": pa.int64(),
    "data_source": pa.string(),
    "task": pa.string(),
    "attempt": UTTERANCE,
    "first_try": JUDGEMENT,
    "reflection": UTTERANCE,
    "retries": pa.list_(UTTERANCE),
    "retry_verdicts": pa.list_(JUDGEMENT),
    "validate": pa.bool_(),
    "own_attempt": pa.bool_(),
    "item": pa.int64(),
    "condition": pa.string(),
    "given_up": pa.string(),
    "run": pa.string(),
}
"""Types of a transcript's columns in a table, but for `metrics`, which has whatever the training reports. The column
`index` may be text instead, see `index_column`.
"""


def index_column(indices: Iterable[int | str]) -> pa.Array:
    """The column `index` of a table: whole numbers if all are, else text."""
    values = list(indices)
    if all(isinstance(value, int) for value in values):
        return pa.array(values, COLUMNS["index"])
    return pa.array(map(str, values), pa.string())


def transcript_file(folder: Path, step: int) -> Path:
    """Where the sessions of a step are (`trainer.validation_data_dir` or `trainer.rollout_data_dir` of the run)."""
    return folder / "transcripts" / f"{step}.jsonl"


def write_transcripts(path: Path, transcripts: Iterable[Transcript], *, append: bool = False) -> None:
    """One JSON line a session, made anew or added to what is there: all, or none and an OSError in one sentence."""
    lines = "".join(json.dumps(line_of(each), ensure_ascii=False) + "\n" for each in transcripts)
    data = lines.encode("utf-8", "replace")
    add_whole(path, data) if append else write_whole(path, data)


def line_of(transcript: Transcript) -> dict[str, Any]:
    """Its fields, without those that only an evaluation has."""
    fields = asdict(transcript)
    return {name: value for name, value in fields.items() if name not in _ONLY_EVALUATIONS_HAVE}


def read_transcript_file(path: Path) -> list[Transcript]:
    """The sessions in a file. A last line without its end is one that a running training has not finished.

    Raises:
        ValueError: in one sentence, for a line that is no transcript.
    """
    *lines, _unfinished = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return [read_transcript(line, path, number) for number, line in enumerate(lines, start=1)]


def read_transcript(line: str | Mapping[str, Any], path: Path, number: int) -> Transcript:
    """One session of a file. Raises ValueError, in one sentence that names file and session, if it is none."""
    try:
        fields = json.loads(line) if isinstance(line, str) else line
        if not isinstance(fields, Mapping):
            raise ValueError("not a mapping")
        return Transcript.read(fields)
    except ValueError as error:
        raise ValueError(f"{path}, session {number}, is not a transcript of this package ({error}).") from error


def read_transcripts(folder: Path, step: int) -> list[Transcript]:
    """The sessions of a step, see `transcript_file`."""
    return read_transcript_file(transcript_file(folder, step))


def outcomes(transcripts: Iterable[Transcript], data_source: str, metric: str) -> dict[int | str, bool]:
    """Success by item index of one data source; `metric` is `first_try` or `second_try`."""
    of_source = (each for each in transcripts if each.data_source == data_source)
    return {each.index: each.number(metric) > 0 for each in of_source}
