"""Two ways of answering the same items, compared answer by answer: difference, 95 % interval, p-value.

With one answer an item that passed or failed the test is McNemar's, exact. With several, the answers of an item are
alike, and the test swaps the two ways for whole items: under "no difference" either way round is as likely. It is the
same test: with one answer an item it gives McNemar's p-value.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from verl_reflect.accuracy import Estimate, Z, gain
from verl_reflect.clusters import DRAWS, SEED, Answer, binary, by_item, draws


@dataclass(frozen=True)
class Comparison:
    """What changed from one way to the other."""

    difference: Estimate
    """Between -1 and 1."""
    p: float
    """Two-sided: how often chance alone would make at least this difference."""
    test: str
    """`McNemar` or `swapped items`."""
    items: int
    answers: int
    fixed: int
    """Answers that did better the second way."""
    broken: int
    """Answers that did worse."""


def compare(first: Mapping[Answer, float], second: Mapping[Answer, float]) -> Comparison:
    """Compare successes, 0 to 1, on the answers that both have.

    Raises:
        ValueError: they share none.
    """
    shared = sorted(first.keys() & second.keys())
    if not shared:
        raise ValueError("The two share no answers that could be compared.")
    changes = {answer: second[answer] - first[answer] for answer in shared}
    fixed, broken = (sum(sign * change > 0 for change in changes.values()) for sign in (1, -1))
    single = binary({a: first[a] for a in shared}) and binary({a: second[a] for a in shared})
    sums = by_item(changes, changes.values())
    return Comparison(
        difference=_difference(sums),
        p=mcnemar(fixed, broken) if single else swapped_items(sums[:, 0]),
        test="McNemar" if single else "swapped items",
        items=len(sums),
        answers=len(shared),
        fixed=fixed,
        broken=broken,
    )


def mcnemar(fixed: int, broken: int) -> float:
    """Two-sided exact p-value of so many changes for the better and for the worse (McNemar 1947, binomial form)."""
    changed, fewer = fixed + broken, min(fixed, broken)
    tail = sum(math.comb(changed, count) for count in range(fewer + 1))
    return min(1.0, 2 * tail / 2**changed)


def swapped_items(changes: NDArray[np.float64]) -> float:
    """Two-sided p-value of the summed changes of items, each of which could as well have had the other sign.

    By DRAWS random choices of the signs, the one that was seen counted among them. The same at every call.
    """
    sizes, counts = np.unique(np.abs(changes[changes != 0]), return_counts=True)
    kept = np.random.default_rng(SEED).binomial(counts, 0.5, size=(DRAWS, len(counts)))
    totals = np.abs((2 * kept - counts) @ sizes)
    as_large = int(np.sum(totals >= abs(float(changes.sum())) - 1e-9))
    return (as_large + 1) / (DRAWS + 1)


def _difference(sums: NDArray[np.float64]) -> Estimate:
    """Mean change of the answers, from each item's sum of changes and number of answers: shape (items, 2)."""
    changes, answers = sums.T
    value = float(changes.sum() / answers.sum())
    if np.ptp(changes / answers) == 0:
        return _agreeing(value, changes)
    if set(answers) == {1}:
        pairs = dict(enumerate(changes))
        return gain(dict.fromkeys(pairs, 0), pairs)
    drawn = draws(sums)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    return Estimate(value, float(low), float(high))


def _agreeing(value: float, changes: NDArray[np.float64]) -> Estimate:
    """The interval where all items changed alike (Agresti and Min 2005), each item counted once."""
    items, changed, net = len(changes), float(np.sum(changes != 0)), float(np.sum(np.sign(changes)))
    centre = net / (items + 2)
    half = Z * math.sqrt(max(0.0, changed + 1 - net * net / (items + 2))) / (items + 2)
    return Estimate(value, max(-1.0, min(value, centre - half)), min(1.0, max(value, centre + half)))
