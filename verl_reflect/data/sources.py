"""Reads the records that a task makes its items from: a file, or a data set on the hub, one record at a time."""

import codecs
import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from verl_reflect.tasks.record import Record, Unreadable

_PARQUET_BATCH_ROWS = 1024
_FILE_KINDS = (".parquet", ".json", ".jsonl", ".csv")

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # starts with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks, which spreadsheets and Windows shells put before what they write."""


@dataclass(frozen=True)
class Source:
    """Where records come from."""

    name: str
    """A path, a hub name, or a few words, for the data's card."""
    records: Callable[[], Iterator[Record]]
    """Starts over at the first record each time it is called, and gives the same ones (some may be `Unreadable`)."""
    licence: str = "the source's own"
    drawn_at_random: bool = False
    """The records come in random order already, and a longer run starts with those of a shorter one."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """What else the card should say."""


def open_source(name: str) -> Source:
    """A `.parquet`, `.json`, `.jsonl` or `.csv` file, or a data set on the hub as `owner/name[:config[:split]]`.

    Text of a CSV file stays text, and so does every cell; the first row names the columns. A `.json` file holds one
    array, which is read whole, or one record a line, as a `.jsonl` file does. Text is UTF-8, or what its byte order
    mark says. Without a split it is `train`.

    Reading raises FileNotFoundError, another OSError or ValueError, in one sentence, where there is nothing to read.
    """
    return Source(name, lambda: iter_records(name))


def iter_records(name: str) -> Iterator[Record]:
    """The records of a source, in order; what it is and what it raises is said in `open_source`."""
    path = Path(name)
    if path.suffix not in _FILE_KINDS:
        if path.exists():
            raise ValueError(f"{name} is read only as one of {', '.join(_FILE_KINDS)}")
        return _hub_records(name)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {name}")
    match path.suffix:
        case ".parquet":
            return _parquet_records(path)
        case ".csv":
            return _csv_records(path)
        case _:
            return _json_records(path)


def _parquet_records(path: Path) -> Iterator[Record]:
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_PARQUET_BATCH_ROWS):
                yield from batch.to_pylist()
    except pa.ArrowException as error:
        raise ValueError(f"{path} cannot be read as parquet: {error}") from error


def _json_records(path: Path) -> Iterator[Record]:
    """One array of records, or one record a line."""
    encoding = _encoding(path)
    if path.suffix == ".json" and _is_array(path, encoding):
        return _array_records(path, encoding)
    # Lines of UTF-8 stay bytes, so that one that is broken is one record, not the file.
    return _line_records(path, None if encoding.startswith("utf-8") else encoding)


def _encoding(path: Path) -> str:
    """What the file's first bytes say. Raises ValueError for text that is surely not UTF-8 and does not say what."""
    with path.open("rb") as file:
        start = file.read(4)
    if b"\0" in start and not start.startswith(tuple(mark for mark, _ in _MARKS)):
        raise ValueError(f"{path} is not UTF-8 text and has no byte order mark: save it as UTF-8")
    return next((encoding for mark, encoding in _MARKS if start.startswith(mark)), "utf-8")


def _is_array(path: Path, encoding: str) -> bool:
    with path.open(encoding=encoding, errors="replace") as file:
        return file.read(64).lstrip().startswith("[")


def _array_records(path: Path, encoding: str) -> Iterator[Record]:
    with path.open(encoding=encoding) as file:
        try:
            records = json.load(file)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} is not JSON: {error}") from error
    yield from map(_checked, records)


def _line_records(path: Path, encoding: str | None) -> Iterator[Record]:
    file = path.open(encoding=encoding, newline="\n") if encoding else path.open("rb")
    with file:
        try:
            yield from (_json_line(line) for line in file if line.strip())
        except UnicodeError as error:
            raise ValueError(f"{path} cannot be read as {encoding}: {error}") from error


def _json_line(line: str | bytes) -> Record:
    try:
        return _checked(json.loads(line))
    except (ValueError, RecursionError) as error:
        return Unreadable(f"not JSON: {error}")


def _checked(record: object) -> Record:
    return record if isinstance(record, dict) else Unreadable(f"not an object with columns but {record!r}")


def _csv_records(path: Path) -> Iterator[Record]:
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding=_encoding(path), newline="") as file:
        try:
            yield from map(_csv_record, csv.DictReader(file))
        except (csv.Error, UnicodeError) as error:
            raise ValueError(f"{path} cannot be read as CSV: {error}") from error


def _csv_record(cells: dict[Any, Any]) -> Record:
    """The csv module keeps surplus cells under None and fills missing ones with None."""
    if None in cells or None in cells.values():
        return Unreadable("the number of cells is not that of the first row")
    return cells


def _hub_records(name: str) -> Iterator[Record]:
    """The records of a hub data set, from the files in huggingface_hub's cache.

    They are downloaded first (an interrupted download goes on where it stopped) and then mapped, not loaded, because
    the maker reads them twice.
    """
    # Imported here: it takes a second, and only this source needs it.
    from datasets import load_dataset

    repository, config, split = (*name.split(":", maxsplit=2), "", "")[:3]
    try:
        yield from load_dataset(repository, config or None, split=split or "train")
    except (OSError, ValueError) as error:
        raise OSError(_hub_advice(name, error)) from error


def _hub_advice(name: str, error: BaseException) -> str:
    from huggingface_hub.errors import GatedRepoError

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, GatedRepoError):
            return (
                f"{name} is gated: accept its terms on its page of the hub, then run `huggingface-cli login` or set "
                "HF_TOKEN"
            )
        cause = cause.__cause__
    return f"{name!r} is neither a file read here nor a data set that the hub gave: {' '.join(str(error).split())}"
