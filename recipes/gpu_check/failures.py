"""Failures of a live training become a data set: its rows, each with the attempt that failed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from verl_reflect.records.parquet import write_dataset
from verl_reflect.records.transcripts import Transcript


def write_failures(train: Path, sessions: Iterable[Transcript], out: Path) -> Path:
    """Write the rows of `train` that these sessions failed at, one for each group, and return the file's path.

    Raises ValueError if there is none.
    """
    attempts = {session.group: session for session in sessions}
    rows = {row["extra_info"]["index"]: row for row in pq.read_table(train).to_pylist()}
    failures = [_failure(rows[each.index], each) for each in attempts.values() if each.index in rows]
    if not failures:
        raise ValueError(f"No session of the live training belongs to a row of {train}.")
    return write_dataset(out, failures, {"source": "failures of a live training", "split": "train"})


def _failure(row: dict[str, Any], session: Transcript) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if not name.startswith("first_attempt")}
    attempt = session.attempt
    return {**kept, "first_attempt": attempt.text, "first_attempt_ids": list(attempt.token_ids)}
