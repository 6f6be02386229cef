"""Collapse and drift: numbers that one can check by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verl_reflect.training.metrics import Reflection, entropy, overlap, reflection_metrics, self_similarity

TEXTS = st.lists(st.text(max_size=20), min_size=1, max_size=30)


def step(*texts: str, tokens: int = 10, groups: int = 2) -> list[Reflection]:
    """Reflections that take turns over so many groups."""
    return [Reflection(f"g{number % groups}", text, tokens) for number, text in enumerate(texts)]


def test_the_share_of_unique_reflections_counts_copies() -> None:
    metrics = reflection_metrics(step("one", "two", "two", " two "), expected_tokens=5)
    assert metrics["unique_reflections"] == 0.5
    assert metrics["length_drift"] == 2.0


def test_entropy_is_one_for_different_texts_and_zero_for_copies() -> None:
    assert entropy(["a", "b", "c", "d"]) == 1.0
    assert entropy(["a", "a", "a", "a"]) == 0.0
    assert entropy(["a", "a", "b", "b"]) == 0.5
    assert entropy(["a"]) == 1.0


def test_entropy_sees_few_texts_that_the_share_of_unique_ones_does_not() -> None:
    mostly_one = ["same"] * 60 + [f"another {number}" for number in range(40)]
    few_each = [f"text {number % 41}" for number in range(100)]
    assert len(set(mostly_one)) == len(set(few_each)) == 41
    assert entropy(mostly_one) == pytest.approx(0.466, abs=0.001)
    assert entropy(few_each) == pytest.approx(0.802, abs=0.001)


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ("First I will add 3 and 5.", "First I will add 12 and 1,000.5", 1.0),
        ("First I will add 3 and 5.", "first i WILL add 3 and 5", 1.0),
        ("a b c d", "a b c e", 1 / 3),
        ("a b c", "c b a", 0.0),
        ("hm", "hm", 1.0),
        ("hm", "oh", 0.0),
        ("", "", 1.0),
        ("我先算乘法", "我先算加法", 1 / 5),
    ],
)
def test_overlap_is_of_three_words_in_a_row_and_blind_to_numbers(one: str, other: str, share: float) -> None:
    assert overlap(one, other) == pytest.approx(share)


def test_a_template_in_which_only_numbers_change_is_self_similar_though_every_text_is_unique() -> None:
    metrics = reflection_metrics(step(*(f"I will compute {n} times {n + 1} ." for n in range(64)), groups=8), 10)
    assert metrics["unique_reflections"] == metrics["reflection_entropy"] == 1.0
    assert metrics["self_similarity"] == 1.0


def test_similarity_within_a_task_does_not_count() -> None:
    assert self_similarity(step(*["red green blue", "one two three"] * 8, groups=2)) == 0.0
    assert self_similarity(step("the same words here", "the same words here", groups=1)) == 0.0


def test_half_of_a_step_in_a_template_shows_as_about_a_quarter() -> None:
    texts = [
        "I was careless again" if n % 3 else f"{chr(97 + n % 26) * 3} {chr(98 + n % 24) * 2} {n}x" for n in range(900)
    ]
    assert self_similarity(step(*texts, groups=100)) == pytest.approx((2 / 3) ** 2, abs=0.1)


def test_without_reflections_there_is_nothing_to_say() -> None:
    assert reflection_metrics([], 10) == {}


@settings(deadline=None)
@given(TEXTS)
def test_all_are_shares_and_do_not_depend_on_how_the_texts_are_ordered_within_one_group(texts: list[str]) -> None:
    metrics = reflection_metrics(step(*texts, groups=3), 10)
    assert all(
        0 <= metrics[name] <= 1 + 1e-9 for name in ("unique_reflections", "reflection_entropy", "self_similarity")
    )
    again = reflection_metrics(step(*reversed(texts), groups=1), 10)
    assert again["reflection_entropy"] == pytest.approx(metrics["reflection_entropy"])


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_overlap_is_symmetric_and_whole_with_itself(one: str, other: str) -> None:
    assert overlap(one, other) == overlap(other, one)
    assert overlap(one, one) == 1.0


@settings(deadline=None)
@given(TEXTS, st.integers(1, 5))
def test_repeating_every_text_divides_the_share_of_unique_ones(texts: list[str], times: int) -> None:
    once, more = (reflection_metrics(step(*texts * n), 10)["unique_reflections"] for n in (1, times))
    assert more == pytest.approx(once / times)
