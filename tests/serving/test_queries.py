"""Rows in, queries out: counted over all files, and bad files and rows named."""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scripted_mining import encode, table

from verl_reflect.checks.files import DataFile, open_files
from verl_reflect.checks.run import UnfitError
from verl_reflect.serving.queries import queries, read_tables


def write(path: Path, rows: pa.Table) -> Path:
    pq.write_table(rows, path)
    return path


def opened(paths: Sequence[Path]) -> list[DataFile]:
    return list(open_files(("--data", str(path)) for path in paths))


def test_queries_are_counted_over_all_files_and_finished_ones_left_out(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a", table(300)), write(tmp_path / "b", table(2))]
    found = list(queries(read_tables(opened(paths)), "prompt", encode, frozenset(range(298))))
    assert [(each.index, each.prompt_ids, each.ground_truth) for each in found] == [
        (298, [298], {"answer": 298}),
        (299, [299], {"answer": 299}),
        (300, [0], {"answer": 0}),
        (301, [1], {"answer": 1}),
    ]


def test_files_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    numbered = pa.table({"prompt": [1], "data_source": ["scripted"], "reward_model": [1]})
    files = [write(tmp_path / "a", table(1)), write(tmp_path / "b", numbered)]
    with pytest.raises(UnfitError, match=r"The files have different columns: .*prompt"):
        read_tables(opened(files))


def test_json_lines_are_rows_too(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in table(3).to_pylist()))
    found = list(queries(read_tables(opened([path])), "prompt", encode))
    assert [(each.index, each.ground_truth) for each in found] == [(n, {"answer": n}) for n in range(3)]
