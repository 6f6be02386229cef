"""Failures of a live training as a data set."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from checked import ROW

from recipes.gpu_check.failures import write_failures
from verl_reflect.records.transcripts import Judgement, Transcript, Utterance

MISSED = Judgement(0.0, False)


def session(index: int, key: str) -> Transcript:
    return Transcript(index, "countdown", "task", Utterance(f"no {index}", 2, token_ids=(1, index)), MISSED, key=key)


def test_each_group_becomes_its_row_with_the_attempt_that_failed(tmp_path: Path) -> None:
    train = tmp_path / "train.parquet"
    pq.write_table(pa.Table.from_pylist([{**ROW, "extra_info": {"index": index}} for index in range(3)]), train)
    sessions = [session(2, "a_0_0"), session(2, "a_1_0"), session(1, "b_0_0"), session(9, "c_0_0")]
    rows = pq.read_table(write_failures(train, sessions, tmp_path / "failures.parquet")).to_pylist()
    assert [row["extra_info"]["index"] for row in rows] == [2, 1], "and none of a row that is not there"
    assert [row["first_attempt"] for row in rows] == ["no 2", "no 1"]
    assert [row["first_attempt_ids"] for row in rows] == [[1, 2], [1, 1]]
    assert rows[0]["prompt"] == ROW["prompt"]
    with pytest.raises(ValueError, match="No session of the live training belongs to a row of"):
        write_failures(train, [session(9, "c_0_0")], tmp_path / "failures.parquet")
