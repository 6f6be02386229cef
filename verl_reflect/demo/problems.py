"""The tiny model's task: reach a target from 1 to 99 with three numbers from 1 to 12, each used once.

Only one form of answer is considered, `( a o b ) p c` with o one of + - * and p one of + -. Division and the form
`( a + b ) * c` are left out: with more ways to answer, a model this small solves too little to learn from its retries.
"""

import random
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement

LARGEST_NUMBER = 12
LARGEST_TARGET = 99
HELD_OUT = 500
_SPLIT_SEED = 20505


@dataclass(frozen=True)
class Expression:
    """`( a operator b ) last_operator c`, always written with a >= b, so that `3 + 5` and `5 + 3` are one answer."""

    a: int
    operator: str
    b: int
    last_operator: str
    c: int

    @property
    def value(self) -> int:
        inner = {"+": self.a + self.b, "-": self.a - self.b, "*": self.a * self.b}[self.operator]
        return inner + self.c if self.last_operator == "+" else inner - self.c

    @property
    def text(self) -> str:
        return f"<answer> ( {self.a} {self.operator} {self.b} ) {self.last_operator} {self.c} </answer>"


@dataclass(frozen=True)
class Problem:
    """A target and the numbers to reach it with, in the order in which they are shown."""

    numbers: tuple[int, ...]
    target: int

    @property
    def text(self) -> str:
        return f"Make {self.target} from {' '.join(map(str, self.numbers))} ."

    def shuffled(self, rng: random.Random) -> "Problem":
        """The same problem with its numbers in random order."""
        return Problem(tuple(rng.sample(self.numbers, len(self.numbers))), self.target)


@cache
def expressions(numbers: tuple[int, ...]) -> tuple[Expression, ...]:
    """Every answer in the one form considered: 18 for three different numbers. Takes the numbers in any order."""
    found = []
    for last in range(3):
        b, a = sorted(numbers[:last] + numbers[last + 1 :])
        found += [Expression(a, o, b, p, numbers[last]) for o in "+-*" for p in "+-"]
    return tuple(dict.fromkeys(found))


def solutions(problem: Problem) -> list[Expression]:
    return [e for e in expressions(problem.numbers) if e.value == problem.target]


def mistakes(problem: Problem) -> list[Expression]:
    """The well-formed answers that miss the target."""
    return [e for e in expressions(problem.numbers) if e.value != problem.target]


@cache
def all_problems() -> tuple[Problem, ...]:
    """Every problem that has a solution, its numbers in ascending order."""
    targets: dict[tuple[int, ...], set[int]] = defaultdict(set)
    for numbers in combinations_with_replacement(range(1, LARGEST_NUMBER + 1), 3):
        targets[numbers] = {e.value for e in expressions(numbers) if 1 <= e.value <= LARGEST_TARGET}
    return tuple(Problem(numbers, target) for numbers in targets for target in sorted(targets[numbers]))


@cache
def split_problems() -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """(training problems, held-out problems). A held-out target never occurs in training with the same numbers."""
    problems = list(all_problems())
    random.Random(_SPLIT_SEED).shuffle(problems)
    return tuple(problems[HELD_OUT:]), tuple(problems[:HELD_OUT])
