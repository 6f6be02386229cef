"""Every conversation as a row of a table: what was said, what was judged. The measures are counted from it, too.

docs/eval.md has the columns.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from verl_reflect.evaluate.record import FIRST_TRY, Record, Records
from verl_reflect.evaluate.settings import GIVEN
from verl_reflect.records.parquet import write_table
from verl_reflect.rollout.episode import Episode, Outcome

UTTERANCE = pa.struct(
    {
        "text": pa.string(),
        "tokens": pa.int64(),
        "truncated": pa.bool_(),
        "forged": pa.bool_(),
        "token_ids": pa.list_(pa.int64()),
    }
)
JUDGEMENT = pa.struct({"score": pa.float64(), "passed": pa.bool_(), "category": pa.string(), "error": pa.string()})
ROUND = pa.struct({"reflection": UTTERANCE, "retries": pa.list_(UTTERANCE), "verdicts": pa.list_(JUDGEMENT)})
TYPES = {
    "key": pa.string(),
    "item": pa.int64(),
    "sample": pa.int64(),
    "condition": pa.string(),
    "index": pa.int64(),
    "data_source": pa.string(),
    "task": pa.string(),
    "attempt": UTTERANCE,
    "first_try": JUDGEMENT,
    "reflection": UTTERANCE,
    "retries": pa.list_(UTTERANCE),
    "retry_verdicts": pa.list_(JUDGEMENT),
    "later_rounds": pa.list_(ROUND),
    "validate": pa.bool_(),
    "own_attempt": pa.bool_(),
    "first_passed": pa.float64(),
    "passed_within": pa.list_(pa.float64()),
    "first_category": pa.string(),
    "second_category": pa.string(),
    "given_up": pa.string(),
}
"""Columns and their types, but for `metrics`, which has whatever the training reports."""
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
            row = _row(first, second, condition, rows[item], 1 if condition in GIVEN else rounds)
            yield {**row, "given_up": records.why_given_up(item, sample, condition)}


def _row(first: Record, second: Record | None, condition: str, row: Mapping[str, Any], rounds: int) -> dict[str, Any]:
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
        validate=True,
        own_attempt=not first.stored,
    )
    outcome = Outcome(episode, list(shown.verdicts) if shown else [])
    judged = second if second and not second.without_verdict else None
    return {
        "key": f"{first.item}_{first.sample}",
        "item": first.item,
        "sample": first.sample,
        "condition": condition,
        **asdict(episode),
        "retry_verdicts": [asdict(verdict) for verdict in outcome.retry_verdicts],
        "later_rounds": [asdict(each) for each in second.rounds[1:]] if second else [],
        "first_passed": None if first.verdict.error else float(first.verdict.passed),
        "passed_within": judged.passed_within(rounds) if judged else None,
        "first_category": first.verdict.category,
        "second_category": _last_category(first, second),
        "metrics": {**outcome.metrics(), "category": outcome.category},
    }


def _last_category(first: Record, second: Record | None) -> str:
    assert first.verdict is not None
    verdicts = [first.verdict, *(verdict for each in (second.rounds if second else ()) for verdict in each.verdicts)]
    return verdicts[-1].category


def write_transcripts(path: Path, rows: Sequence[Mapping[str, Any]], card: Mapping[str, Any]) -> Path:
    """Write them to a parquet file, and return its path."""
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in TYPES.items()}
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
