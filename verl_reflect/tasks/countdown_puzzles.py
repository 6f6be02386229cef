"""Makes Countdown items that have a solution, with the four operators about equally often in it.

The operators are drawn first, then numbers are drawn until they can be joined by exactly those operators. Drawn the
other way round, almost every solution would be sums and differences, since few random numbers divide one another and
most products pass the target range.
"""

import random
from dataclasses import dataclass
from itertools import permutations
from typing import NamedTuple

from verl_reflect.tasks.countdown import Puzzle

TRIES_PER_DRAW = 2_000
"""Numbers drawn for one choice of operators before it is given up: five products of numbers up to 99 fit no target."""

MAX_BARREN_DRAWS = 200
"""Draws in a row that gave nothing new before the ranges are taken to be used up."""


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


class _Term(NamedTuple):
    text: str
    value: int


def distinct_puzzles(count: int, seed: int, ranges: PuzzleRanges) -> list[Puzzle]:
    """`count` different items, each with its gold expression; the same ones for the same arguments.

    Raises ValueError where the ranges do not hold that many.
    """
    rng = random.Random(seed)
    found: dict[object, Puzzle] = {}
    barren = 0
    while len(found) < count:
        puzzle = _draw(rng, ranges)
        if puzzle is not None and puzzle.content not in found:
            found[puzzle.content] = puzzle
            barren = 0
            continue
        barren += 1
        if barren == MAX_BARREN_DRAWS:
            raise ValueError(f"only {len(found)} different items of the {count} wanted were found within {ranges}")
    return list(found.values())


def _draw(rng: random.Random, ranges: PuzzleRanges) -> Puzzle | None:
    size = rng.randint(ranges.min_numbers, ranges.max_numbers)
    operators = rng.choices("+-*/", k=size - 1)
    for _ in range(TRIES_PER_DRAW):
        numbers = [rng.randint(ranges.min_number, ranges.max_number) for _ in range(size)]
        solution = _join(rng, numbers, operators)
        if solution is not None and ranges.min_target <= solution.value <= ranges.max_target:
            return Puzzle(solution.value, tuple(numbers), solution.text)
    return None


def _join(rng: random.Random, numbers: list[int], operators: list[str]) -> _Term | None:
    """Join the numbers by the operators, in their order but over random pairs; None where one fits no pair."""
    terms = [_Term(str(number), number) for number in numbers]
    for operator in operators:
        pairs = [pair for pair in permutations(terms, 2) if _allowed(operator, *pair)]
        if not pairs:
            return None
        left, right = rng.choice(pairs)
        terms.remove(left)
        terms.remove(right)
        terms.append(_Term(f"({left.text} {operator} {right.text})", _value(operator, left.value, right.value)))
    return _Term(terms[0].text[1:-1], terms[0].value)


def _allowed(operator: str, left: _Term, right: _Term) -> bool:
    """Whether the result is a positive whole number and the operator does something (unlike `* 1`)."""
    match operator:
        case "+":
            return True
        case "-":
            return left.value > right.value
        case "*":
            return left.value > 1 and right.value > 1
        case _:
            return right.value > 1 and left.value % right.value == 0


def _value(operator: str, left: int, right: int) -> int:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            return left // right
