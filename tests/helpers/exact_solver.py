"""All that numbers can make, in exact arithmetic and without a single expression: independent of the verifier."""

from fractions import Fraction
from functools import cache
from itertools import combinations, product


@cache
def values(numbers: tuple[int, ...]) -> frozenset[Fraction]:
    """Every value within reach with all the numbers, by joining the values of two parts of them."""
    reached = {Fraction(numbers[0])} if len(numbers) == 1 else set()
    for size in range(1, len(numbers) // 2 + 1):
        for places in combinations(range(len(numbers)), size):
            chosen = tuple(numbers[place] for place in places)
            others = tuple(number for place, number in enumerate(numbers) if place not in places)
            for a, b in product(values(chosen), values(others)):
                reached |= {a + b, a - b, b - a, a * b}
                reached |= {x / y for x, y in ((a, b), (b, a)) if y}
    return frozenset(reached)
