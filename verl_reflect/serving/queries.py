"""The queries of a parquet file in verl's schema: what the model is asked and what its answers are judged against."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from verl_reflect.checks.files import DataFile
from verl_reflect.checks.run import UnfitError

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


def read_tables(files: Iterable[DataFile]) -> pa.Table:
    """The rows of these files, one after the other.

    Raises:
        UnfitError: in one sentence, for a file that cannot be read or does not go with the others.
    """
    try:
        return pa.concat_tables([file.table() for file in files], promote_options="default")
    except pa.ArrowException as error:
        raise UnfitError(f"The files have different columns: {error}") from error


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
    return Query(index, prompt_ids, row["data_source"], row["reward_model"]["ground_truth"], row.get("extra_info"))
