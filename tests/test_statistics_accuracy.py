"""Intervals, against numbers from the literature and against simulation."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verl_reflect.records.transcripts import outcomes
from verl_reflect.statistics import gain, over_seeds, rate


def test_wilsons_interval_of_a_textbook_case() -> None:
    estimate = rate([True] * 81 + [False] * (263 - 81))  # Newcombe 1998, table I: 81 of 263
    assert (round(estimate.low, 4), round(estimate.high, 4)) == (0.2553, 0.3662)


@pytest.mark.parametrize(("successes", "low", "high"), [(0, 0.0, 0.1611), (20, 0.8389, 1.0)])
def test_no_and_all_successes_have_intervals_too(successes: int, low: float, high: float) -> None:
    estimate = rate([True] * successes + [False] * (20 - successes))
    assert (round(estimate.low, 4), round(estimate.high, 4)) == (low, high)


@given(st.lists(st.booleans(), min_size=1))
def test_a_rate_lies_in_its_interval(successes: list[bool]) -> None:
    estimate = rate(successes)
    assert 0 <= estimate.low <= estimate.value + 1e-12 and estimate.value <= estimate.high + 1e-12 <= 1 + 1e-9


def test_a_gain_is_taken_item_by_item() -> None:
    before = {1: False, 2: False, 3: True, 4: True}
    after = {4: True, 3: True, 2: True, 1: True}
    estimate = gain(before, after)
    assert estimate.value == 0.5
    assert estimate.percent("+").startswith("+50.0 (-")


def test_the_interval_of_a_gain_covers_the_truth_about_95_times_in_100() -> None:
    rng, covered = random.Random(0), 0
    for _ in range(400):
        before = {i: rng.random() < 0.2 for i in range(200)}
        after = {i: rng.random() < 0.35 for i in range(200)}
        estimate = gain(before, after)
        covered += estimate.low <= 0.15 <= estimate.high
    assert 0.92 < covered / 400 < 0.98


def test_different_items_have_no_gain() -> None:
    with pytest.raises(ValueError, match="same two or more items"):
        gain({1: True, 2: True}, {1: True, 3: True})


def test_outcomes_are_of_one_data_source() -> None:
    lines = [
        {"index": 0, "data_source": "countdown/reflect", "metrics": {"second_try": 1.0}},
        {"index": 1, "data_source": "countdown/reflect", "metrics": {"second_try": 0.0}},
        {"index": 0, "data_source": "countdown/blind", "metrics": {"second_try": 1.0}},
    ]
    assert outcomes(lines, "countdown/reflect", "second_try") == {0: True, 1: False}


def test_three_seeds_have_students_interval() -> None:
    estimate = over_seeds([0.1, 0.2, 0.3])
    assert estimate.value == pytest.approx(0.2)
    assert estimate.high - estimate.value == pytest.approx(4.3027 * 0.1 / 3**0.5, rel=1e-4)


def test_one_seed_has_no_interval() -> None:
    with pytest.raises(ValueError, match="two or more"):
        over_seeds([0.1])
