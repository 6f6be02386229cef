"""Accuracies with their uncertainty, read from the transcripts of a validation.

Intervals are at 95 %. A rate has Wilson's interval. A gain is taken item by item, since both validations judged the
same items, and has the interval of the mean of those differences.
"""

import json
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist, fmean, stdev
from typing import Any, TypeVar

from scipy.stats import t as student_t

Item = TypeVar("Item", bound=Hashable)
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


def gain(before: Mapping[Item, float], after: Mapping[Item, float]) -> Estimate:
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


def read_transcripts(folder: Path, step: int) -> list[dict[str, Any]]:
    """The sessions of the validation at a step (`trainer.validation_data_dir` of the run)."""
    with open(folder / "transcripts" / f"{step}.jsonl", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def outcomes(transcripts: Iterable[Mapping[str, Any]], data_source: str, metric: str) -> dict[int, bool]:
    """Success by item index of one data source; `metric` is `first_try` or `second_try`."""
    return {line["index"]: line["metrics"][metric] > 0 for line in transcripts if line["data_source"] == data_source}
