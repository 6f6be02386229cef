"""Reads Countdown items of the public schema (`Jiayi-Pan/Countdown-Tasks-3to4`): columns `target` and `nums`."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path

import pyarrow.parquet as pq

from verl_reflect.tasks.countdown import COLUMNS, Puzzle


def read_puzzles(source: str) -> list[Puzzle]:
    """The items of a `.parquet`, `.json`, `.jsonl` or `.csv` file, or of the `train` split of a data set on the hub.

    Raises ValueError for a malformed row, naming it (rows count from 1), and OSError where the source cannot be read.
    """
    return [_puzzle(source, number, row) for number, row in enumerate(_rows(source), start=1)]


def _puzzle(source: str, number: int, row: object) -> Puzzle:
    try:
        return Puzzle.from_public_row(row)
    except ValueError as fault:
        raise ValueError(f"{source}, row {number}: {fault}") from fault


def _rows(source: str) -> Iterable[object]:
    match Path(source).suffix:
        case ".parquet":
            return list(pq.read_table(source).to_pylist())
        case ".json" | ".jsonl":
            return _json_rows(Path(source).read_text(encoding="utf-8"))
        case ".csv":
            return _csv_rows(source)
        case _:
            return _hub_rows(source)


def _json_rows(text: str) -> list[object]:
    """One array of rows, or one row a line."""
    whole = _json_or_text(text)
    return whole if isinstance(whole, list) else [_json_or_text(line) for line in text.splitlines()]


def _csv_rows(path: str) -> list[object]:
    """Rows of a CSV file, where the numbers are written as a JSON list: `98,"[44, 19, 35]"`."""
    with open(path, encoding="utf-8", newline="") as file:
        table = csv.DictReader(file, restval="")
        return [{name: _json_or_text(row[name]) for name in COLUMNS if name in row} for row in table]


def _json_or_text(text: str) -> object:
    """What is not JSON stays text, for `_puzzle` to refuse with its row number."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _hub_rows(name: str) -> Iterable[object]:
    # Imported here: it takes a second, and only this source needs it.
    from datasets import load_dataset

    try:
        rows: Iterable[object] = load_dataset(name, split="train")
    except OSError as error:
        raise OSError(f"{name!r} is neither a file read here nor a data set that the hub gave: {error}") from error
    return rows
