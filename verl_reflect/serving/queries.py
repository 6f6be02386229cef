"""The queries of a parquet file in verl's schema: what the model is asked and what its answers are judged against."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

COLUMNS = ("data_source", "reward_model")
ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class Query:
    """One row of the input."""

    index: int
    """Its place in the input, counted over all files."""
    prompt_ids: Sequence[int]
    data_source: str
    ground_truth: Any
    extra_info: Any


def read_tables(paths: Sequence[Path], prompt_key: str) -> pa.Table:
    """The rows of these files, one after the other.

    Raises:
        ValueError: in one sentence, for a file that is not there, lacks a column or does not go with the others.
    """
    tables = []
    for path in paths:
        if not path.is_file():
            raise ValueError(f"There is no file {path}; make it (`verl-reflect data`) or name another with --data.")
        table = pq.read_table(path)
        if missing := sorted({prompt_key, *COLUMNS} - set(table.column_names)):
            raise ValueError(f"{path} has no column {', '.join(missing)}; add it.")
        tables.append(table)
    try:
        joined = pa.concat_tables(tables, promote_options="default")
    except pa.ArrowInvalid as error:
        raise ValueError(f"The files have different columns: {error}") from error
    if not joined.num_rows:
        raise ValueError(f"{', '.join(map(str, paths))} has no rows.")
    return joined


def queries(
    table: pa.Table,
    prompt_key: str,
    encode: Callable[[Mapping[str, Any]], Sequence[int]],
    leave_out: Container[int] = (),
) -> Iterator[Query]:
    """The rows whose index is not in `leave_out`, read and encoded as they are asked for.

    Args:
        encode: Makes token ids of a row's messages and tools.
    """
    wanted = [name for name in (prompt_key, *COLUMNS, "extra_info", "tools") if name in table.column_names]
    index = 0
    for batch in table.select(wanted).to_batches(max_chunksize=ROWS_AT_ONCE):
        for row in batch.to_pylist():
            if index not in leave_out:
                yield _query(index, row, encode(row))
            index += 1


def _query(index: int, row: Mapping[str, Any], prompt_ids: Sequence[int]) -> Query:
    if "ground_truth" not in (row["reward_model"] or {}):
        raise ValueError(f"Row {index} has no reward_model.ground_truth; add it.")
    return Query(index, prompt_ids, row["data_source"], row["reward_model"]["ground_truth"], row.get("extra_info"))
