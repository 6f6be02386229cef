"""Parquet files with their cards: whole, reproducible, and honest about what is in them."""

import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from verl_reflect.records.parquet import card_path, write_dataset

ROWS: list[dict[str, object]] = [
    {"data_source": "a", "reward_model": {"ground_truth": {"target": 3}}, "first_attempt_ids": [1, 2]},
    {"data_source": "b", "reward_model": {"ground_truth": {"target": 4}}, "first_attempt_ids": []},
]


def test_writes_the_rows_and_a_card(tmp_path: Path) -> None:
    path = write_dataset(tmp_path / "new" / "train.parquet", ROWS, {"source": "a test", "seed": 1})
    assert pq.read_table(path).to_pylist() == ROWS
    assert json.loads(card_path(path).read_text()) == {
        "file": "train.parquet",
        "rows": 2,
        "seed": 1,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "source": "a test",
    }


def test_leaves_two_files_and_no_other(tmp_path: Path) -> None:
    write_dataset(tmp_path / "train.parquet", ROWS, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train.card.json", "train.parquet"]


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    once, again = (write_dataset(tmp_path / name / "x.parquet", ROWS, {"b": 1, "a": 2}) for name in "ab")
    assert once.read_bytes() == again.read_bytes()
    assert card_path(once).read_bytes() == card_path(again).read_bytes()


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_dataset(tmp_path / "train.parquet", ROWS, {})
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_dataset(path, ROWS[:1], {})
    assert path.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["train.card.json", "train.parquet"]


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([], "at least one row"),
        ([{"a": 1}, {"b": 1}], "row 2 has the fields"),
        ([{"a": 1}, {"a": 1, "b": 1}], "row 2 has the fields"),
        ([{"a": {"b": 1}}, {"a": {"c": 1}}], "row 2 has the fields"),
        ([{"a": {"b": 1}}, {"a": None}], "row 2 has the fields"),
    ],
)
def test_rows_that_arrow_would_change_are_refused(tmp_path: Path, rows: list[dict[str, object]], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        write_dataset(tmp_path / "x.parquet", rows, {})
    assert not list(tmp_path.iterdir())
