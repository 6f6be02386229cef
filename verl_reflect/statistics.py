"""Accuracies, differences and pass@k, with their uncertainty. Intervals are at 95 %.

- A rate has Wilson's interval. A gain is taken item by item, since both ways judged the same items.
- Answers to one item are alike, so an interval that counted them as independent would be too narrow. Items are what is
  drawn at random; so items, each with all its answers, are what the bootstrap draws (Cameron, Gelbach and Miller 2008).
- Two ways of answering the same items are compared answer by answer. With one answer an item that passed or failed the
  test is McNemar's, exact. With several, the test swaps the two ways for whole items: under "no difference" either way
  round is as likely. It is the same test: with one answer an item it gives McNemar's p-value.
"""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student_t

Key = TypeVar("Key", bound=Hashable)
Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval, all three between 0 and 1 (a gain: between -1 and 1)."""

    value: float
    low: float
    high: float

    def percent(self, sign: str = "") -> str:
        """Such as `33.5 (31.0 to 36.1)`; `sign="+"` writes the sign of a gain."""
        return f"{100 * self.value:{sign}.1f} ({100 * self.low:{sign}.1f} to {100 * self.high:{sign}.1f})"


def rate(successes: Sequence[bool]) -> Estimate:
    """Share of successes, with Wilson's interval. Raises ValueError without any items."""
    n = len(successes)
    if n == 0:
        raise ValueError("there are no items to take a rate of")
    p = sum(successes) / n
    centre = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return Estimate(p, max(0.0, centre - half), min(1.0, centre + half))


def gain(before: Mapping[Key, float], after: Mapping[Key, float]) -> Estimate:
    """Mean difference after - before of the same items, each a success or a share of successes.

    Raises ValueError if the items differ or are fewer than two.
    """
    if before.keys() != after.keys() or len(before) < 2:
        raise ValueError("a gain needs the same two or more items before and after")
    differences = [after[item] - before[item] for item in before]
    mean, half = fmean(differences), Z * stdev(differences) / math.sqrt(len(differences))
    return Estimate(mean, mean - half, mean + half)


def over_seeds(values: Sequence[float]) -> Estimate:
    """Mean of one number from each seed, with Student's interval. Raises ValueError for fewer than two seeds."""
    if len(values) < 2:
        raise ValueError("an interval over seeds needs two or more of them")
    mean = fmean(values)
    half = float(student_t.ppf(0.975, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
    return Estimate(mean, mean - half, mean + half)


def share_over_seeds(values: Sequence[float]) -> Estimate:
    """The same of shares, which end at 0 and 1; Student's interval knows nothing of that."""
    estimate = over_seeds(values)
    return Estimate(estimate.value, max(0.0, estimate.low), min(1.0, estimate.high))


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
        return _agreeing_rates(float(means[0]), len(means))
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


def _agreeing_rates(value: float, items: int) -> Estimate:
    """The interval of a value that all items have: Wilson's formula takes any share of successes."""
    wilson = rate([True] * round(value * items) + [False] * (items - round(value * items)))
    return Estimate(value, min(value, wilson.low), max(value, wilson.high))


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
        return _agreeing_changes(value, changes)
    if set(answers) == {1}:
        pairs = dict(enumerate(changes))
        return gain(dict.fromkeys(pairs, 0), pairs)
    drawn = draws(sums)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    return Estimate(value, float(low), float(high))


def _agreeing_changes(value: float, changes: NDArray[np.float64]) -> Estimate:
    """The interval where all items changed alike (Agresti and Min 2005), each item counted once."""
    items, changed, net = len(changes), float(np.sum(changes != 0)), float(np.sum(np.sign(changes)))
    centre = net / (items + 2)
    half = Z * math.sqrt(max(0.0, changed + 1 - net * net / (items + 2))) / (items + 2)
    return Estimate(value, max(-1.0, min(value, centre - half)), min(1.0, max(value, centre + half)))


def pass_at_k(answers: int, passed: int, k: int) -> float:
    """Estimated without bias from `answers` answers to one item, of which `passed` passed (Chen et al. 2021).

    As the product over the failures, which stays exact where the binomials of the definition overflow.

    Raises:
        ValueError: k is more than the answers there are, or less than 1.
    """
    if not 1 <= k <= answers:
        raise ValueError(f"pass@{k} cannot be estimated from {answers} answers.")
    if answers - passed < k:
        return 1.0
    return 1.0 - math.prod(1 - k / number for number in range(answers - passed + 1, answers + 1))


def powers_of_two(most: int) -> list[int]:
    """1, 2, 4, ... up to `most`: the k that are reported."""
    return [1 << i for i in range(most.bit_length())]
