"""Every conversation as a row of a table: what was said, what was judged. The measures are counted from it, too.

docs/eval.md has the columns.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from verl_reflect.evaluate.record import FIRST_TRY, ConversationRecord, Records
from verl_reflect.evaluate.settings import CONDITIONS
from verl_reflect.records.parquet import write_table
from verl_reflect.records.transcripts import COLUMNS, JUDGEMENT, UTTERANCE, Episode, Transcript, index_column
from verl_reflect.rollout.episode import Outcome

ROUND = pa.struct({"reflection": UTTERANCE, "retries": pa.list_(UTTERANCE), "verdicts": pa.list_(JUDGEMENT)})
TYPES = {
    **COLUMNS,
    "sample": pa.int64(),
    "later_rounds": pa.list_(ROUND),
    "first_passed": pa.float64(),
    "passed_within": pa.list_(pa.float64()),
    "first_category": pa.string(),
    "second_category": pa.string(),
}
"""Columns and their types, but for `metrics`: a transcript's, and what only an evaluation counts."""
COUNTED = ("item", "sample", "condition", "data_source", "own_attempt", "first_passed", "passed_within")
CATEGORIES = ("first_category", "second_category")


def transcripts(
    records: Records, rows: Sequence[Mapping[str, Any]], conditions: Sequence[str], samples: int, rounds: int
) -> Iterator[dict[str, Any]]:
    """One row for each condition after each first attempt, those that passed included; without conditions, one each.

    Args:
        rows: Of each item, its `index`, `data_source` and `task`.
    """
    for (item, sample), first in records.of(FIRST_TRY).items():
        if sample >= samples:
            continue
        for condition in conditions or (FIRST_TRY,):
            second = records.find(item, sample, condition) if conditions else None
            most = 1 if condition in CONDITIONS and CONDITIONS[condition].given else rounds
            why = records.why_given_up(item, sample, condition)
            yield _row(_transcript(first, second, condition, rows[item], why), first, second, most)


def _transcript(
    first: ConversationRecord, second: ConversationRecord | None, condition: str, row: Mapping[str, Any], given_up: str
) -> Transcript:
    """The first attempt and the first round after it."""
    assert first.attempt is not None and first.verdict is not None
    shown = second.rounds[0] if second else None
    episode = Episode(
        index=row["index"],
        data_source=row["data_source"],
        task=row["task"],
        attempt=first.attempt,
        first_try=first.verdict,
        reflection=shown.reflection if shown else None,
        retries=shown.retries if shown else (),
        retry_verdicts=shown.verdicts if shown else (),
        validate=True,
        own_attempt=not first.stored,
    )
    return Transcript(
        **vars(episode),
        key=f"{first.item}_{first.sample}",
        metrics=Outcome(episode).report(),
        item=first.item,
        condition=condition,
        given_up=given_up,
    )


def _row(
    transcript: Transcript, first: ConversationRecord, second: ConversationRecord | None, rounds: int
) -> dict[str, Any]:
    judged = second if second and not second.without_verdict else None
    return {
        **asdict(transcript),
        "sample": first.sample,
        "later_rounds": [asdict(each) for each in second.rounds[1:]] if second else [],
        "first_passed": None if transcript.first_try.error else float(transcript.first_try.passed),
        "passed_within": judged.passed_within(rounds) if judged else None,
        "first_category": transcript.first_try.category,
        "second_category": _last_category(first, second),
    }


def _last_category(first: ConversationRecord, second: ConversationRecord | None) -> str:
    assert first.verdict is not None
    verdicts = [first.verdict, *(verdict for each in (second.rounds if second else ()) for verdict in each.verdicts)]
    return verdicts[-1].category


def write_transcripts(path: Path, rows: Sequence[Mapping[str, Any]], card: Mapping[str, Any]) -> Path:
    """Write them to a parquet file, and return its path."""
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in TYPES.items() if name != "index"}
    columns["index"] = index_column(row["index"] for row in rows)
    metrics = pa.array([dict(row["metrics"]) for row in rows])
    return write_table(path, pa.table({**columns, "metrics": metrics}), card)


def read_counted(path: Path) -> list[dict[str, Any]]:
    """The columns that the measures are counted from. Raises ValueError, in one sentence, if the file has them not."""
    if not path.is_file():
        raise ValueError(f"There is no file {path}; repeat its verl-reflect eval, which writes it anew.")
    try:
        return pq.read_table(path, columns=[*COUNTED, *CATEGORIES]).to_pylist()
    except (OSError, pa.ArrowInvalid, KeyError) as error:
        raise ValueError(f"{path} is not the transcripts of an evaluation: {str(error).splitlines()[0]}") from error
