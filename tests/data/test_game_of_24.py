"""The Game of 24: all its puzzles, each with a solution, judged as Countdown."""

import json
from itertools import combinations, combinations_with_replacement
from typing import Any

import pyarrow.parquet as pq
import pytest
from builders import ROOT
from exact_solver import values
from typer.testing import CliRunner

from verl_reflect.cli.app import app
from verl_reflect.data.game_of_24 import PUZZLES
from verl_reflect.reward import compute_score


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    out = tmp_path_factory.mktemp("game")
    result = CliRunner().invoke(app, ["data", "game-of-24", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in out.iterdir()) == ["test.card.json", "test.parquet"]
    assert json.loads((out / "test.card.json").read_text())["licence"] == "MIT"
    return pq.read_table(out / "test.parquet").to_pylist()


def numbers_of(row: dict[str, Any]) -> tuple[int, ...]:
    return tuple(sorted(json.loads(row["reward_model"]["ground_truth"])["numbers"]))


def within_reach_of_24(numbers: tuple[int, ...]) -> bool:
    """`24 in values(numbers)`, without the values of all four numbers: one part says what the other must reach."""
    for size in (1, 2):
        for places in combinations(range(4), size):
            chosen = tuple(numbers[place] for place in places)
            others = values(tuple(number for place, number in enumerate(numbers) if place not in places))
            for a in values(chosen):
                wanted = {24 - a, a - 24, a + 24, *((24 / a, a / 24, 24 * a) if a else ())}
                if wanted & others:
                    return True
    return False


def test_the_quick_question_is_the_same_as_the_slow_one() -> None:
    for numbers in list(combinations_with_replacement(range(1, 14), 4))[::97]:
        assert within_reach_of_24(numbers) == (24 in values(numbers)), numbers


def test_the_puzzles_are_all_that_have_a_solution_and_no_other(rows: list[dict[str, Any]]) -> None:
    solvable = {numbers for numbers in combinations_with_replacement(range(1, 14), 4) if within_reach_of_24(numbers)}
    assert len(rows) == 1362
    assert {numbers_of(row) for row in rows} == solvable


def test_they_stand_in_the_order_of_their_ranks(rows: list[dict[str, Any]]) -> None:
    assert [json.loads(row["extra_info"]["facts"])["rank"] for row in rows] == list(range(1, 1363))
    assert json.loads(rows[0]["extra_info"]["facts"])["solved_percent"] == 99.2
    assert numbers_of(rows[0]) == (1, 1, 4, 6)


def test_countdown_judges_them(rows: list[dict[str, Any]]) -> None:
    row = rows[0]
    assert row["data_source"] == "countdown/game_of_24"
    for answer, score in (("(1 + 4 - 1) * 6", 1.0), ("4 * 6", 0.0)):
        truth = row["reward_model"]["ground_truth"]
        assert compute_score(row["data_source"], rf"\boxed{{{answer}}}", truth)["score"] == score


def test_the_file_is_small_and_its_licence_lies_beside_it() -> None:
    assert PUZZLES.stat().st_size < 60_000
    assert "Copyright (c) 2023 Shunyu Yao" in PUZZLES.with_suffix(".LICENSE").read_text()


def test_the_file_is_installed_with_the_package() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    assert '"data/*.csv"' in project and '"data/*.LICENSE"' in project
