"""What is measured, on which items, and with what interval.

Intervals are at 95 % and over items. An item that was sampled several times, or under several seeds, counts once, with
its mean: its samples are not independent. What an evaluation has counted itself is taken from its summary.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from verl_reflect.evaluate.measures import ALL, FAILURES, Accuracy, Results
from verl_reflect.evaluate.record import FIRST_TRY
from verl_reflect.report.session import CONDITIONS, ItemKey, ShownSession
from verl_reflect.statistics import Estimate, Z, gain, rate

AFTER = {
    "reflect": "after reflecting",
    "blind": "without reflecting",
    "fixed": "after a fixed sentence",
    "swapped": "after another task's reflection",
    "stored": "after a stored reflection",
}

Values = Mapping[ItemKey, float]
"""Success of each item, 0 to 1."""


@dataclass(frozen=True)
class Measure:
    """One accuracy: of the first try, or of what there is after the second."""

    data_source: str
    condition: str
    first: bool
    known_failures: bool
    """Every first attempt came with the data and fails, so the second try stands alone."""

    @property
    def name(self) -> str:
        """In words."""
        if self.first:
            return "First try"
        return f"{'Second try' if self.known_failures else 'Within two tries'} {AFTER[self.condition]}"

    def holds(self, session: ShownSession) -> bool:
        """Whether the session is one that is measured."""
        return session.data_source == self.data_source and session.condition == self.condition

    def values(self, sessions: Iterable[ShownSession]) -> dict[ItemKey, float]:
        """Success by item."""
        found: dict[ItemKey, list[float]] = defaultdict(list)
        for session in filter(self.holds, sessions):
            found[session.item].append(float(session.passed) if self.first else session.in_the_end)
        return {item: fmean(values) for item, values in found.items()}

    def counted(self, results: Iterable[Results]) -> Accuracy | None:
        """The same in an evaluation's summary; None if it is not in it."""
        tried, of = (FIRST_TRY, ALL) if self.first else (self.condition, FAILURES if self.known_failures else ALL)
        accuracies = (each for found in results if found.data_source == self.data_source for each in found.accuracies)
        return next((each for each in accuracies if (each.tried, each.of) == (tried, of) and each.within <= 1), None)


def measures(sessions: Iterable[ShownSession]) -> list[Measure]:
    """Everything that these sessions measure: first tries, then second tries in the order of CONDITIONS."""
    by_kind: dict[tuple[str, str], list[ShownSession]] = defaultdict(list)
    for session in sessions:
        by_kind[session.data_source, session.condition].append(session)
    kinds = sorted(by_kind, key=lambda kind: (CONDITIONS.index(kind[1]), kind[0]))
    failures = {kind for kind in kinds if not any(s.own_attempt or s.passed for s in by_kind[kind])}
    firsts: dict[str, Measure] = {}
    for source, condition in kinds:
        if (source, condition) not in failures:
            firsts.setdefault(source, Measure(source, condition, True, False))
    seconds = [
        Measure(source, condition, False, (source, condition) in failures)
        for source, condition in kinds
        if condition in AFTER
    ]
    return [*firsts.values(), *seconds]


def headline(found: Sequence[Measure]) -> Measure | None:
    """What the method is about: the second try after reflecting, on known failures if there are any."""
    reflected = [measure for measure in found if not measure.first and measure.condition == "reflect"]
    return max(reflected, key=lambda measure: measure.known_failures, default=None)


def mean_of_seeds(seeds: Sequence[Values]) -> dict[ItemKey, float]:
    """Each item's mean over the seeds that have it."""
    found: dict[ItemKey, list[float]] = defaultdict(list)
    for values in seeds:
        for item, value in values.items():
            found[item].append(value)
    return {item: fmean(values) for item, values in found.items()}


def share(values: Values) -> Estimate | None:
    """Mean over items: with Wilson's interval where each is 0 or 1, else that of a mean. None without any items."""
    if not values:
        return None
    if set(values.values()) <= {0.0, 1.0}:
        return rate([value == 1.0 for value in values.values()])
    if len(values) == 1:
        return Estimate(fmean(values.values()), 0.0, 1.0)
    mean, half = fmean(values.values()), Z * stdev(values.values()) / math.sqrt(len(values))
    return Estimate(mean, max(0.0, mean - half), min(1.0, mean + half))


def difference(before: Values, after: Values) -> Estimate | None:
    """After less before, on the items that both have. None if those are fewer than two."""
    both = before.keys() & after.keys()
    if len(both) < 2:
        return None
    found = gain({item: before[item] for item in both}, {item: after[item] for item in both})
    return Estimate(found.value, max(-1.0, found.low), min(1.0, found.high))
