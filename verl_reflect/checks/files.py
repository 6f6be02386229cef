"""The data files of a run, read as verl reads them: parquet by its columns, JSON through Hugging Face's `datasets`.

A file gives its rows in pieces, so that memory does not grow with it. What cannot be read is refused in one sentence
that names the file.
"""

import glob
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as parquet

from verl_reflect.checks.run import UnfitError

JSON = (".json", ".jsonl")
READ = (".parquet", *JSON)
"""Endings that verl tells a file's kind by."""
PIECE_BYTES = 64 << 20
MOST_ROWS = 50_000
"""Of a piece."""
ROWS_AT_ONCE = 1_000
"""Of JSON."""

Row = dict[str, Any]
Piece: TypeAlias = "pa.RecordBatch | list[Row]"
"""Consecutive rows: parquet's as columns, JSON's as they are, because one column of theirs may hold several types."""


class DataFile(ABC):
    """One file.

    Args:
        key: What names it, such as `data.train_files`.

    Raises:
        UnfitError: it cannot be read.
    """

    kind: str
    names: list[str]
    """Its columns."""
    count: int
    """Its rows."""

    def __init__(self, key: str, path: str):
        self.key, self.path = key, path

    def place(self, row: int) -> str:
        """The beginning of a sentence about a row, counted from 0."""
        return f"{self.key}: row {row} of {self.path}"

    @abstractmethod
    def pieces(self, columns: Sequence[str]) -> Iterator[Piece]:
        """All rows with those of these columns that there are. Raises UnfitError where the file is corrupt."""

    def first(self, count: int) -> list[Row]:
        """The first rows, whole."""
        rows = (row for piece in self.pieces(self.names) for row in rows_of_piece(piece))
        return list(islice(rows, count))

    @property
    @abstractmethod
    def features(self) -> Any:
        """What `datasets` makes of the columns that it can read."""

    @property
    def strange_column(self) -> str | None:
        """A column that `datasets` cannot read, with its type."""
        return None

    @abstractmethod
    def table(self) -> pa.Table:
        """The whole file. Raises UnfitError where it is corrupt, or where a column holds several types."""

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Turns into a refusal whatever the libraries that read it raise, which may be anything."""
        try:
            yield
        except UnfitError:
            raise
        except Exception as error:
            said = " ".join(f"{type(_first_cause(error)).__name__}: {_first_cause(error)}".split())[:300]
            raise UnfitError(
                f"{self.key}: {self.path} cannot be read as {self.kind} ({said}); make the file anew."
            ) from error


class ParquetData(DataFile):
    """A parquet file."""

    kind = "parquet"

    def __init__(self, key: str, path: str):
        super().__init__(key, path)
        with self._readable():
            self._file = parquet.ParquetFile(path)
            self.names = self._file.schema_arrow.names
            self.count = self._file.metadata.num_rows
        if self.count and not self._file.metadata.row_group(0).num_rows:  # `datasets` takes its batch size from there
            raise UnfitError(f"{key}: {path} begins with an empty row group, at which verl stops; make the file anew.")

    def pieces(self, columns: Sequence[str]) -> Iterator[Piece]:
        """See DataFile."""
        there = [name for name in self.names if name in columns]
        with self._readable():
            yield from self._file.iter_batches(batch_size=self._rows_at_once, columns=there)

    def first(self, count: int) -> list[Row]:
        """See DataFile."""
        with self._readable():
            piece = next(self._file.iter_batches(batch_size=count), None)
            return piece.to_pylist() if piece is not None else []

    @property
    def _rows_at_once(self) -> int:
        groups = [self._file.metadata.row_group(i) for i in range(self._file.num_row_groups)]
        each = sum(group.total_byte_size for group in groups) // max(self.count, 1)
        return int(min(MOST_ROWS, max(1, PIECE_BYTES // max(each, 1))))

    @property
    def features(self) -> Any:
        """See DataFile."""
        from datasets import Features

        return Features.from_arrow_schema(self._file.schema_arrow)

    @property
    def strange_column(self) -> str | None:
        """See DataFile."""
        from datasets import Features

        for field in self._file.schema_arrow:
            try:
                Features.from_arrow_schema(pa.schema([field]))
            except Exception:  # that of a type which it does not know is of several kinds
                return f"{field.name} of {field.type}"
        return None

    def table(self) -> pa.Table:
        """See DataFile."""
        with self._readable():
            return self._file.read()


class JsonData(DataFile):
    """JSON: an object a line, or one array of them."""

    kind = "JSON"

    def __init__(self, key: str, path: str):
        super().__init__(key, path)
        with self._readable(), _no_progress_bars():
            from datasets import load_dataset

            self._rows = load_dataset("json", data_files=path)["train"]  # verl, too, which then finds it in the cache
            self.names = self._rows.column_names
            self.count = len(self._rows)

    def pieces(self, columns: Sequence[str]) -> Iterator[Piece]:
        """See DataFile."""
        there = [name for name in self.names if name in columns]
        with self._readable():
            chosen = self._rows.select_columns(there)
            for start in range(0, self.count, ROWS_AT_ONCE):
                yield list(chosen.select(range(start, min(start + ROWS_AT_ONCE, self.count))))

    @property
    def features(self) -> Any:
        """See DataFile."""
        return self._rows.features

    def table(self) -> pa.Table:
        """See DataFile."""
        with self._readable():
            return pa.Table.from_pylist(list(self._rows))


def open_file(key: str, path: str) -> DataFile:
    """A file of this machine. Raises UnfitError if it cannot be read or has no rows."""
    if os.path.getsize(path):
        opened = JsonData(key, path) if path.endswith(JSON) else ParquetData(key, path)
        if opened.count:
            return opened
    raise UnfitError(f"{key}: {path} has no rows.")


def open_files(named: Iterable[tuple[str, str]]) -> Iterator[DataFile]:
    """Those of the (key, path) that are on this machine, one after the other.

    Raises:
        UnfitError: one is not there, cannot be read or has no rows.
    """
    for key, path in named:
        if not is_remote(path):
            yield from (open_file(key, each) for each in _local(key, path))


def is_remote(path: str) -> bool:
    """It is fetched by verl when the run starts."""
    return "://" in path


def rows_of_piece(piece: Piece) -> list[Row]:
    """The rows of a piece, each by itself."""
    return piece.to_pylist() if isinstance(piece, pa.RecordBatch) else piece


def _local(key: str, path: str) -> list[str]:
    """The path, or what its pattern stands for: `datasets` takes `*`, `?` and `[...]` for one."""
    found = sorted(glob.glob(path, recursive=True)) if glob.has_magic(path) else [path]
    for each in found:
        if os.path.isdir(each):
            raise UnfitError(f"{key}: {each} is a folder; name its files, such as {os.path.join(each, '*.parquet')}.")
        if not os.path.isfile(each):
            raise UnfitError(f"{key}: there is no file {each}; make it (`verl-reflect data`) or set {key}.")
    if not found:
        raise UnfitError(f"{key}: there is no file that {path} stands for (*, ? and [...] are a pattern); set {key}.")
    return found


def _first_cause(error: BaseException) -> BaseException:
    return _first_cause(error.__cause__) if error.__cause__ else error


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    import datasets

    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()
