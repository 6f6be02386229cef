"""Rows of training data in verl's schema, and the files that they are written to."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet


def data_row(**changes: Any) -> dict[str, Any]:
    """A failure at a task that the tiny model's tokenizer knows, with any changes."""
    return {
        "data_source": "countdown",
        "prompt": [{"role": "user", "content": "Make 29 from 3 5 8 ."}],
        "reward_model": {"style": "rule", "ground_truth": {"target": 29, "numbers": [3, 5, 8]}},
        "first_attempt": "<answer> ( 3 + 5 ) * 8 </answer>",
        **changes,
    }


def without(column: str) -> dict[str, Any]:
    """Such a row with a column less."""
    return {name: value for name, value in data_row().items() if name != column}


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> str:
    """Write them as parquet, and return the path as text."""
    parquet.write_table(pa.Table.from_pylist(list(rows)), path)
    return str(path)
