"""Made-up Countdown items: solvable, different, the same for a seed, and balanced over the operators."""

from collections import Counter
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verl_reflect.data.puzzles import PuzzleRanges, difficulties, distinct_puzzles
from verl_reflect.tasks.countdown import Countdown, Puzzle


def category(puzzle: Puzzle, *, numbers: tuple[int, ...] | None = None, target: int | None = None) -> str:
    truth = {"target": target or puzzle.target, "numbers": numbers or puzzle.numbers}
    return Countdown().judge(rf"\boxed{{{puzzle.gold}}}", truth).category


SOME_RANGES = st.builds(
    PuzzleRanges,
    min_numbers=st.just(2),
    max_numbers=st.integers(2, 6),
    min_number=st.integers(1, 5),
    max_number=st.integers(30, 99),
    min_target=st.integers(1, 10),
    max_target=st.integers(60, 100),
)


@settings(max_examples=30, deadline=None)
@given(st.integers(), SOME_RANGES)
def test_the_verifier_accepts_the_gold_and_refuses_what_it_is_not(seed: int, ranges: PuzzleRanges) -> None:
    for puzzle in distinct_puzzles(3, seed, ranges):
        first, *others = puzzle.numbers
        assert ranges.admit(puzzle)
        assert category(puzzle) == "none"
        assert category(puzzle, target=puzzle.target + 1) == "missed_target"
        assert category(puzzle, numbers=tuple(others)) == "wrong_numbers"
        assert category(puzzle, numbers=(first + 1, *others)) == "wrong_numbers"
        assert category(puzzle, numbers=(first, *puzzle.numbers)) == "wrong_numbers"


def test_a_seed_fixes_the_items() -> None:
    ranges = PuzzleRanges()
    puzzles = list(distinct_puzzles(20, 7, ranges))
    assert list(distinct_puzzles(20, 7, ranges)) == puzzles
    assert list(distinct_puzzles(10, 7, ranges)) == puzzles[:10]
    near = {puzzle.content for puzzle in distinct_puzzles(20, 8, ranges)}
    assert len(near & {puzzle.content for puzzle in puzzles}) < 5, "another seed draws other items"


def test_no_item_comes_twice_in_whatever_order_its_numbers_stand() -> None:
    puzzles = list(distinct_puzzles(150, 0, PuzzleRanges(2, 2, max_number=12, min_target=1)))
    assert len({(puzzle.target, tuple(sorted(puzzle.numbers))) for puzzle in puzzles}) == 150


def test_every_operator_has_its_share() -> None:
    puzzles = list(distinct_puzzles(300, 0, PuzzleRanges()))
    uses = Counter(character for puzzle in puzzles for character in puzzle.gold if character in "+-*/")
    assert all(0.15 < uses[operator] / uses.total() < 0.35 for operator in "+-*/"), uses


def test_every_difficulty_has_its_turn() -> None:
    puzzles = distinct_puzzles(200, 0, PuzzleRanges(2, 6))
    counts = Counter((len(puzzle.numbers), sum(map(puzzle.gold.count, "*/"))) for puzzle in puzzles)
    assert counts == dict.fromkeys(difficulties(PuzzleRanges(2, 6)), 10)
    assert len(counts) == 2 + 3 + 4 + 5 + 6


def test_every_item_within_the_ranges_is_found_before_they_are_used_up() -> None:
    found = set()
    with pytest.raises(ValueError, match="only 77 different items of the 1000 wanted"):
        for puzzle in distinct_puzzles(1000, 0, PuzzleRanges(2, 2, max_number=7, min_target=1)):
            found.add(puzzle.content)
    expected = set()
    for a, b in product(range(1, 8), repeat=2):
        results = {a + b, abs(a - b), a * b if min(a, b) > 1 else 0, a // b if b > 1 and a % b == 0 else 0}
        expected |= {(result, tuple(sorted((a, b)))) for result in results if result > 0}
    assert found == expected


def test_ranges_that_hold_too_few_items_are_an_error() -> None:
    with pytest.raises(ValueError, match="different items of the 1000 wanted"):
        list(distinct_puzzles(1000, 0, PuzzleRanges(2, 2, max_number=3, min_target=1)))


@pytest.mark.parametrize(
    "bounds",
    [
        {"min_numbers": 1},
        {"max_numbers": 7},
        {"min_numbers": 4, "max_numbers": 3},
        {"min_number": 0},
        {"min_number": 9, "max_number": 8},
        {"min_target": 0},
        {"min_target": 9, "max_target": 8},
    ],
)
def test_an_empty_range_is_an_error(bounds: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"an item has 2 to 6 numbers|numbers from|targets from"):
        PuzzleRanges(**bounds)
