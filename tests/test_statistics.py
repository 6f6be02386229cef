"""Intervals and p-values, against the literature, enumeration, brute force and simulation."""

import random
from itertools import combinations, product
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verl_reflect.statistics import (
    by_item,
    compare,
    draws,
    estimate,
    gain,
    mcnemar,
    over_seeds,
    pass_at_k,
    powers_of_two,
    rate,
    swapped_items,
)


def answers(*items: list[float]) -> dict[tuple[int, int], float]:
    """Successes by (item, sample), from a list of successes for each item."""
    return {(i, sample): value for i, item in enumerate(items) for sample, value in enumerate(item)}


@settings(deadline=None)  # the machine may be busy
@given(st.integers(1, 7).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_the_share_of_choices_of_k_answers_with_one_that_passes(case: tuple[int, int, int]) -> None:
    n, passed, k = case
    chosen = list(combinations([True] * passed + [False] * (n - passed), k))
    assert pass_at_k(n, passed, k) == pytest.approx(sum(map(any, chosen)) / len(chosen))


def test_pass_at_k_stays_right_where_the_binomials_overflow_a_float() -> None:
    n, passed, k = 5000, 1, 2500
    exact = 1 - comb(n - passed, k) / comb(n, k)
    assert pass_at_k(n, passed, k) == pytest.approx(exact) == pytest.approx(0.5)


def test_more_tries_than_answers_cannot_be_estimated() -> None:
    with pytest.raises(ValueError, match="pass@3 cannot be estimated from 2 answers"):
        pass_at_k(2, 1, 3)
    assert powers_of_two(1) == [1] and powers_of_two(9) == [1, 2, 4, 8]


def test_mcnemar_of_a_textbook_case() -> None:
    assert mcnemar(3, 12) == pytest.approx(0.0352, abs=5e-5)  # 2 * P(X <= 3), X ~ Bin(15, 1/2)
    assert mcnemar(0, 0) == 1 and mcnemar(1, 0) == 1 and mcnemar(6, 0) == 0.03125


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, 5), st.integers(0, 5))
def test_mcnemar_is_the_share_of_coin_tosses_as_uneven(fixed: int, broken: int) -> None:
    tosses = list(product([1, -1], repeat=fixed + broken))
    as_uneven = sum(abs(sum(toss)) >= abs(fixed - broken) for toss in tosses)
    assert mcnemar(fixed, broken) == as_uneven / len(tosses)


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]), min_size=1, max_size=8))
def test_swapping_items_is_as_enumerating_all_swaps(changes: list[float]) -> None:
    swaps = [abs(np.dot(signs, changes)) for signs in product([1, -1], repeat=len(changes))]
    exact = sum(total >= abs(sum(changes)) - 1e-9 for total in swaps) / len(swaps)
    assert swapped_items(np.array(changes)) == pytest.approx(exact, abs=0.025)


def test_swapping_items_with_one_answer_each_is_mcnemars_test() -> None:
    changes = np.array([1.0] * 12 + [-1.0] * 3 + [0.0] * 30)
    assert swapped_items(changes) == pytest.approx(mcnemar(12, 3), abs=0.005)


def test_one_answer_an_item_has_wilsons_interval() -> None:
    assert estimate(answers([1], [0], [0], [1], [0])) == rate([True, False, False, True, False])


def test_the_mean_of_several_answers_is_over_answers_and_the_interval_over_items() -> None:
    alike = estimate(answers(*[[1, 1, 1, 1]] * 20, *[[0, 0, 0, 0]] * 20))
    single = rate([True] * 20 + [False] * 20)
    assert alike.value == 0.5
    assert (alike.low, alike.high) == pytest.approx((single.low, single.high), abs=0.03), "80 answers, but 40 items"
    assert estimate(answers([1, 1, 1], [0])).value == 0.75


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_items_that_all_agree_still_have_an_interval(value: float) -> None:
    found = estimate(answers(*[[value, value]] * 10))
    assert found.low <= value <= found.high and found.high - found.low > 0.2


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=4), min_size=1, max_size=12))
def test_an_estimate_lies_between_0_and_1_and_in_its_interval(items: list[list[float]]) -> None:
    found = estimate(answers(*items))
    assert -1e-9 <= found.low <= found.value + 1e-9 and found.value <= found.high + 1e-9 <= 1 + 2e-9


def test_items_drawn_together_are_drawn_as_often_as_one_by_one() -> None:
    sums = by_item([(0, 0), (1, 0), (2, 0), (3, 0)], [1.0, 0.0, 0.0, 0.0])
    drawn = draws(sums)
    assert (drawn[:, 1] == 4).all()
    shares = np.bincount(drawn[:, 0].astype(int), minlength=5) / len(drawn)
    assert shares == pytest.approx([comb(4, k) * 0.25**k * 0.75 ** (4 - k) for k in range(5)], abs=0.02)


def test_the_interval_by_item_covers_the_truth_and_one_that_ignored_items_would_not() -> None:
    rng, covered, ignoring = random.Random(0), 0, 0
    for _ in range(150):
        chances = [rng.choice([0.05, 0.7]) for _ in range(80)]
        items = [[float(rng.random() < chance) for _ in range(8)] for chance in chances]
        found, naive = estimate(answers(*items)), rate([bool(value) for item in items for value in item])
        covered += found.low <= 0.375 <= found.high
        ignoring += naive.low <= 0.375 <= naive.high
    assert 0.9 < covered / 150 < 0.99
    assert ignoring / 150 < 0.75


def test_a_comparison_is_made_on_the_answers_that_both_have() -> None:
    found = compare({(1, 0): 0, (2, 0): 0, (3, 0): 1, (9, 0): 1}, {(1, 0): 1, (2, 0): 1, (3, 0): 0, (8, 0): 1})
    assert (found.answers, found.items, found.fixed, found.broken) == (3, 3, 2, 1)
    assert found.difference.value == pytest.approx(1 / 3) and found.test == "McNemar" and found.p == 1.0
    with pytest.raises(ValueError, match="share no answers"):
        compare({(1, 0): 0}, {(1, 1): 0})


def test_one_answer_an_item_has_the_interval_of_a_gain() -> None:
    before, after = answers([0], [0], [1], [0]), answers([1], [0], [1], [1])
    expected = gain({1: 0, 2: 0, 3: 1, 4: 0}, {1: 1, 2: 0, 3: 1, 4: 1})
    assert compare(before, after).difference == expected


def test_several_answers_are_compared_item_by_item() -> None:
    found = compare(answers([0, 0], [0, 1], [0, 0]), answers([1, 1], [1, 1], [0, 1]))
    assert found.difference.value == pytest.approx(4 / 6) and found.test == "swapped items"
    assert found.p == pytest.approx(0.25, abs=0.02), "three items that all gained: two of eight swaps are as uneven"


def test_a_handful_of_items_that_all_gain_leave_room_for_doubt() -> None:
    found = compare(answers([0], [0], [0]), answers([1], [1], [1]))
    assert found.difference.value == 1 and found.difference.low < 0.5 and found.p == 0.25
    nothing = compare(answers([0], [0]), answers([0], [0]))
    assert nothing.p == 1 and nothing.difference.low < -0.3 and nothing.difference.high > 0.3
    alone = compare(answers([0]), answers([1]))
    assert alone.p == 1 and alone.difference.low < 0


@pytest.mark.parametrize("samples", [1, 4])
def test_without_a_difference_one_comparison_in_twenty_is_significant(samples: int) -> None:
    rng, significant, covered, rounds = random.Random(1), 0, 0, 200
    for _ in range(rounds):
        chances = [rng.choice([0.1, 0.6]) for _ in range(60)]
        one, other = ([[float(rng.random() < p) for _ in range(samples)] for p in chances] for _ in range(2))
        found = compare(answers(*one), answers(*other))
        significant += found.p < 0.05
        covered += found.difference.low <= 0 <= found.difference.high
    assert significant / rounds < 0.08
    assert 0.91 < covered / rounds < 0.985


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


def test_three_seeds_have_students_interval() -> None:
    estimate = over_seeds([0.1, 0.2, 0.3])
    assert estimate.value == pytest.approx(0.2)
    assert estimate.high - estimate.value == pytest.approx(4.3027 * 0.1 / 3**0.5, rel=1e-4)


def test_one_seed_has_no_interval() -> None:
    with pytest.raises(ValueError, match="two or more"):
        over_seeds([0.1])
