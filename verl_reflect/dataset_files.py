"""Writes the rows that verl trains on: a parquet file, and a JSON card beside it that says where they came from."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

Row = Mapping[str, object]


def write_dataset(path: Path, rows: Sequence[Row], card: Mapping[str, object]) -> Path:
    """Write `rows` to `path` (parquet) and its card, and return `path`.

    The card is `card` plus the file's name, its number of rows and its sha256. Both files appear whole or not at all,
    and the same arguments give the same bytes. Raises ValueError for no rows and for rows whose fields differ.
    """
    _check_fields(rows)
    return write_table(path, pa.Table.from_pylist([dict(row) for row in rows]), card)


def write_table(path: Path, table: pa.Table, card: Mapping[str, object]) -> Path:
    """As `write_dataset`, for rows whose columns already have their types."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    parquet = sink.getvalue().to_pybytes()
    facts = {**card, "file": path.name, "rows": table.num_rows, "sha256": hashlib.sha256(parquet).hexdigest()}
    _write_whole(path, parquet)
    _write_whole(card_path(path), (json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode())
    return path


def card_path(path: Path) -> Path:
    """Where the card of a parquet file is: `train.card.json` for `train.parquet`."""
    return path.with_suffix(".card.json")


def file_hash(path: Path) -> str:
    """The sha256 of a file's bytes, as its card has it."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _check_fields(rows: Sequence[Row]) -> None:
    """Arrow takes the columns from the first row and drops, or fills with nulls, what another row has otherwise."""
    if not rows:
        raise ValueError("a data set needs at least one row")
    first = _fields(rows[0])
    for number, row in enumerate(rows, start=1):
        if (fields := _fields(row)) != first:
            raise ValueError(f"row {number} has the fields {fields}, row 1 has {first}")


def _fields(value: object) -> object:
    """The names in a row, those of nested structs included; None for what has no names."""
    if isinstance(value, Mapping):
        return {name: _fields(value[name]) for name in value}
    return None


def _write_whole(path: Path, content: bytes) -> None:
    """Write beside `path` and rename, so that a reader never sees half a file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
