"""Accuracies of several answers an item, with 95 % intervals by item.

Answers to one item are alike, so an interval that counted them as independent would be too narrow. Items are what is
drawn at random; so items, each with all its answers, are what the bootstrap draws (Cameron, Gelbach and Miller 2008).
"""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from verl_reflect.accuracy import Estimate, rate

Answer = tuple[int, int]
"""An item and the number of its sample."""
DRAWS = 10_000
SEED = 0


def estimate(successes: Mapping[Answer, float]) -> Estimate:
    """Mean success, 0 to 1, of these answers.

    With one answer an item that passed or failed, Wilson's interval; otherwise the bootstrap's. Where all items did
    equally well there is nothing to draw, and the interval is Wilson's with each item counted once.

    Raises:
        ValueError: there are no answers.
    """
    sums = by_item(successes, successes.values())
    if binary(successes):
        return rate([value == 1 for value in successes.values()])
    means = sums[:, 0] / sums[:, 1]
    if np.ptp(means) == 0:
        return _agreeing(float(means[0]), len(means))
    drawn = draws(sums)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    return Estimate(float(sums[:, 0].sum() / sums[:, 1].sum()), float(low), float(high))


def binary(successes: Mapping[Answer, float]) -> bool:
    """One answer an item, each passed or failed."""
    return len({item for item, _ in successes}) == len(successes) and set(successes.values()) <= {0, 1}


def by_item(answers: Iterable[Answer], values: Iterable[float]) -> NDArray[np.float64]:
    """For each item the sum of its values and their number: shape (items, 2)."""
    sums: dict[int, list[float]] = {}
    for (item, _), value in zip(answers, values, strict=True):
        total = sums.setdefault(item, [0.0, 0.0])
        total[0] += value
        total[1] += 1
    return np.array(list(sums.values()), dtype=np.float64).reshape(-1, 2)


def draws(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Column sums of DRAWS draws of as many items, with replacement: shape (DRAWS, columns). The same at every call.

    Items with the same row are drawn together: how often one of them comes up is multinomial. Seconds become
    milliseconds, and nothing else changes.
    """
    rows, counts = np.unique(sums, axis=0, return_counts=True)
    times = np.random.default_rng(SEED).multinomial(len(sums), counts / len(sums), size=DRAWS)
    drawn: NDArray[np.float64] = times @ rows
    return drawn


def _agreeing(value: float, items: int) -> Estimate:
    """The interval of a value that all items have: Wilson's formula takes any share of successes."""
    wilson = rate([True] * round(value * items) + [False] * (items - round(value * items)))
    return Estimate(value, min(value, wilson.low), max(value, wilson.high))
