"""Writes the rows that verl trains on: a parquet file, and a JSON card beside it that says where they came from."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

from verl_reflect.records.whole_file import discard, put_in_place, temporary_path, write_whole, writing

Row = Mapping[str, object]

_BLOCK_BYTES = 1 << 20


class DatasetWriter:
    """Writes a parquet file piece by piece that appears whole, with its card, or not at all.

        with DatasetWriter(path) as writer:
            writer.write(rows)  # as often as there are rows; each call makes a row group
            writer.close()
            writer.publish(card)

    Until `publish` the rows are in a hidden file beside `path`, which leaving the block removes (only a process killed
    with SIGKILL leaves it). The same rows in the same pieces give the same bytes. Where it cannot be written,
    an OSError says so in one sentence.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._first: Row = {}
        self._parquet: pq.ParquetWriter | None = None
        self._temporary = temporary_path(path)
        self._sha256 = ""

    def __enter__(self) -> "DatasetWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._finish()
        except OSError:
            if kind is None:
                raise
        finally:
            discard(self._temporary)

    def write(self, rows: Sequence[Row]) -> None:
        """Append at least one row. The first call settles the columns.

        Raises ValueError for rows whose fields differ from the first row's, and for values that fit no column.
        """
        if self._parquet is None:
            self._first = rows[0]
            self.write_table(table_of(rows))
        else:
            self.write_table(table_of(rows, self._first, self._parquet.schema, self.rows))

    def write_table(self, table: pa.Table) -> None:
        """Append rows whose columns already have their types."""
        with writing(self.path):
            if self._parquet is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._parquet = pq.ParquetWriter(self._temporary, table.schema)
            self._parquet.write_table(table)
        self.rows += table.num_rows

    def close(self) -> None:
        """Finish the hidden file. Raises ValueError if no row was written."""
        if self._parquet is None:
            raise ValueError("a data set needs at least one row")
        self._finish()
        self._sha256 = file_hash(self._temporary)

    def _finish(self) -> None:
        with writing(self.path):
            if self._parquet is not None:
                self._parquet.close()

    def publish(self, card: Mapping[str, object]) -> Path:
        """Put the closed file and its card in place, and return the file's path.

        The card is `card` plus the file's name, its number of rows and its sha256.
        """
        facts = {**card, "file": self.path.name, "rows": self.rows, "sha256": self._sha256}
        text = json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        with writing(self.path):
            put_in_place(self._temporary, self.path)
        write_whole(card_path(self.path), text)
        return self.path


def write_dataset(path: Path, rows: Sequence[Row], card: Mapping[str, object]) -> Path:
    """Write `rows` to `path` (parquet) and its card, and return `path`.

    Raises ValueError for no rows and for rows whose fields differ.
    """
    with DatasetWriter(path) as writer:
        if rows:
            writer.write(rows)
        writer.close()
        return writer.publish(card)


def write_table(path: Path, table: pa.Table, card: Mapping[str, object]) -> Path:
    """As `write_dataset`, for rows whose columns already have their types; there may be none."""
    with DatasetWriter(path) as writer:
        writer.write_table(table)
        writer.close()
        return writer.publish(card)


def table_of(
    rows: Sequence[Row], first: Row | None = None, schema: pa.Schema | None = None, rows_before: int = 0
) -> pa.Table:
    """The rows as an Arrow table; `first` (the first of them all) and `schema` come from the rows before, if any.

    Raises ValueError for rows whose fields differ from the first's, and for values that fit no column.
    """
    _check_fields(rows, first or rows[0], rows_before)
    try:
        table = pa.Table.from_pylist(list(rows), schema=schema)
        return table.cast(pa.schema([field.with_type(_textual(field.type)) for field in table.schema]))
    except (pa.ArrowException, ValueError, OverflowError) as error:
        place = f"rows {rows_before + 1} to {rows_before + len(rows)}"
        raise ValueError(f"{place} do not fit one parquet file: {error}") from error


def card_path(path: Path) -> Path:
    """Where the card of a parquet file is: `train.card.json` for `train.parquet`."""
    return path.with_suffix(".card.json")


def _check_fields(rows: Sequence[Row], first: Row, rows_before: int) -> None:
    """Arrow takes the columns from the first row and drops, or fills with nulls, what another row has otherwise."""
    wanted = _fields(first)
    for number, row in enumerate(rows, start=rows_before + 1):
        if (fields := _fields(row)) != wanted:
            raise ValueError(f"row {number} has the fields {fields}, row 1 has {wanted}")


def _fields(value: object) -> object:
    """The names in a row, those of nested structs included; None for what has no names."""
    if isinstance(value, Mapping):
        return {name: _fields(value[name]) for name in value}
    return None


def _textual(kind: pa.DataType) -> pa.DataType:
    """The type with text for what has been null so far: a column that is never filled (`tools`) has no other type."""
    if pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_textual(field.type)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_textual(kind.value_type)))
    return kind


def file_hash(path: Path) -> str:
    """The sha256 of a file's bytes, as its card has it."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
