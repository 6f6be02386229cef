"""Rows in, queries out: counted over all files, and bad files and rows named."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scripted_mining import encode, table

from verl_reflect.serving.queries import queries, read_tables


def write(path: Path, rows: pa.Table) -> Path:
    pq.write_table(rows, path)
    return path


def test_queries_are_counted_over_all_files_and_finished_ones_left_out(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a", table(300)), write(tmp_path / "b", table(2))]
    found = list(queries(read_tables(paths, "prompt"), "prompt", encode, frozenset(range(298))))
    assert [(each.index, each.prompt_ids, each.ground_truth) for each in found] == [
        (298, [298], {"answer": 298}),
        (299, [299], {"answer": 299}),
        (300, [0], {"answer": 0}),
        (301, [1], {"answer": 1}),
    ]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (table(1).drop_columns(["reward_model"]), "has no column reward_model; add it"),
        (table(1).drop_columns(["prompt"]), "has no column prompt; add it"),
        (table(1).slice(0, 0), "has no rows"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, rows: pa.Table, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_tables([write(tmp_path / "bad.parquet", rows)], "prompt")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no file .*nowhere"):
        read_tables([tmp_path / "nowhere"], "prompt")


def test_a_row_without_ground_truth_is_named() -> None:
    rows = [*table(2).to_pylist(), {**table(1).to_pylist()[0], "reward_model": None}]
    with pytest.raises(ValueError, match=r"Row 2 has no reward_model\.ground_truth"):
        list(queries(pa.Table.from_pylist(rows), "prompt", encode))
