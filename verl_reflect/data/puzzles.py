"""Makes Countdown items that have a solution, balanced over the four operators and over difficulty.

The difficulty is the number of numbers and of products and quotients in the solution. Each difficulty takes its turn;
then operators and a target are drawn, and the target is taken apart by the operators until numbers are left. Drawn the
other way round, numbers first, almost every solution would be sums and differences, since few random numbers divide one
another and most products pass the target range.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from verl_reflect.tasks.countdown import Puzzle

TRIES_PER_DRAW = 2_000
"""Tries for one choice of operators before it is given up: five products fit few targets up to 100."""

MAX_BETWEEN = 10_000
"""The largest value in the middle of an expression that is taken apart any further."""

MAX_BARREN_DRAWS = 200
"""Draws in a row that gave nothing new before a difficulty is taken to be used up."""


@dataclass(frozen=True)
class PuzzleRanges:
    """Which items are wanted; all bounds are inclusive. The defaults are near those of the public data set.

    Raises ValueError for an empty range, and for fewer than two or more than six numbers.
    """

    min_numbers: int = 3
    max_numbers: int = 4
    min_number: int = 1
    max_number: int = 100
    min_target: int = 10
    max_target: int = 100

    def __post_init__(self) -> None:
        if not 2 <= self.min_numbers <= self.max_numbers <= 6:
            raise ValueError(f"an item has 2 to 6 numbers, not {self.min_numbers} to {self.max_numbers}")
        if not 1 <= self.min_number <= self.max_number:
            raise ValueError(f"numbers from {self.min_number} to {self.max_number}: the range must start at 1 or more")
        if not 1 <= self.min_target <= self.max_target:
            raise ValueError(f"targets from {self.min_target} to {self.max_target}: the range must start at 1 or more")

    def admit(self, puzzle: Puzzle) -> bool:
        return (
            self.min_numbers <= len(puzzle.numbers) <= self.max_numbers
            and self.min_number <= min(puzzle.numbers)
            and max(puzzle.numbers) <= self.max_number
            and self.min_target <= puzzle.target <= self.max_target
        )


class Difficulty(NamedTuple):
    """How many numbers a puzzle has, and how many products and quotients its solution."""

    numbers: int
    products: int


def difficulties(ranges: PuzzleRanges) -> list[Difficulty]:
    """Every difficulty within the ranges, from sums of the fewest numbers to products of the most."""
    sizes = range(ranges.min_numbers, ranges.max_numbers + 1)
    return [Difficulty(size, products) for size in sizes for products in range(size)]


def distinct_puzzles(count: int, seed: int, ranges: PuzzleRanges) -> Iterator[Puzzle]:
    """`count` different items, each with its gold expression; the same ones for the same arguments.

    A larger `count` starts with those of a smaller one. Rounds over all difficulties, each in random order; a
    difficulty that is used up drops out. Raises ValueError, after the last one found, where the ranges do not hold
    that many.
    """
    rng = random.Random(seed)
    found: set[int] = set()  # hashes: 60 bytes an item, where the items themselves take 300
    left = difficulties(ranges)
    while left:
        for difficulty in rng.sample(left, len(left)):
            if len(found) == count:
                return
            puzzle = _draw_new(rng, ranges, difficulty, found)
            if puzzle is None:
                left.remove(difficulty)
                continue
            found.add(hash(puzzle.content))
            yield puzzle
    raise ValueError(f"only {len(found)} different items of the {count} wanted were found within {ranges}")


def _draw_new(rng: random.Random, ranges: PuzzleRanges, difficulty: Difficulty, found: set[int]) -> Puzzle | None:
    for _ in range(MAX_BARREN_DRAWS):
        puzzle = _draw(rng, ranges, difficulty)
        if puzzle is not None and hash(puzzle.content) not in found:
            return puzzle
    return None


def _draw(rng: random.Random, ranges: PuzzleRanges, difficulty: Difficulty) -> Puzzle | None:
    size, products = difficulty
    operators = rng.choices("*/", k=products) + rng.choices("+-", k=size - 1 - products)
    for _ in range(TRIES_PER_DRAW):
        rng.shuffle(operators)
        target = rng.randint(ranges.min_target, ranges.max_target)
        numbers: list[int] = []
        solution = _grow(rng, target, operators, numbers, ranges)
        if solution is not None:
            return Puzzle(target, tuple(rng.sample(numbers, size)), solution.removeprefix("(").removesuffix(")"))
    return None


def _grow(
    rng: random.Random, value: int, operators: Sequence[str], numbers: list[int], ranges: PuzzleRanges
) -> str | None:
    """An expression of this value with just these operators, the first at its root; its numbers go into `numbers`.

    None where it leads to a number out of range. What comes in between is a positive whole number, and every operator
    does something, unlike `* 1`.
    """
    if not operators:
        numbers.append(value)
        return str(value) if ranges.min_number <= value <= ranges.max_number else None
    sides = _split(rng, value, operators[0], ranges.max_number) if value <= MAX_BETWEEN else None
    if sides is None:
        return None
    cut = rng.randint(1, len(operators))
    left = _grow(rng, sides[0], operators[1:cut], numbers, ranges)
    right = _grow(rng, sides[1], operators[cut:], numbers, ranges) if left else None
    return f"({left} {operators[0]} {right})" if right else None


def _split(rng: random.Random, value: int, operator: str, largest: int) -> tuple[int, int] | None:
    """Two values that the operator joins to `value`; None where there are none."""
    match operator:
        case "+":
            return (part := rng.randint(1, value - 1), value - part) if value > 1 else None
        case "-":
            return value + (part := rng.randint(1, largest)), part
        case "*":
            divisors = _divisors(value)
            return (divisor := rng.choice(divisors), value // divisor) if divisors else None
        case _:
            return value * (part := rng.randint(2, max(largest, 2))), part


@cache
def _divisors(value: int) -> tuple[int, ...]:
    """Those between 1 and the value."""
    small = [divisor for divisor in range(2, math.isqrt(value) + 1) if value % divisor == 0]
    return tuple(sorted({*small, *(value // divisor for divisor in small)}))
