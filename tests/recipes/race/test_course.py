"""The data that all contestants read."""

from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from recipes.race.course import FAILURE, Course, make_failures, of_any_model, tiny
from verl_reflect.reward import compute_score


def courses(folder: Path) -> list[Course]:
    return [tiny(folder, steps=1), of_any_model(folder / "model", folder, groups=4, steps=3, hardware="cpu")]


@pytest.mark.parametrize("which", [0, 1], ids=["tiny", "any model"])
def test_each_step_has_failures_of_its_own(which: int, tmp_path: Path) -> None:
    course = courses(tmp_path)[which]
    make_failures(course)
    rows = parquet.read_table(tmp_path / "train.parquet").to_pylist()
    assert len(rows) == course.groups * course.steps
    for row in rows:
        truth = row["reward_model"]["ground_truth"]
        assert compute_score(row["data_source"], row["first_attempt"], truth)["score"] == 0
    assert which == 0 or rows[0]["first_attempt"] == FAILURE
