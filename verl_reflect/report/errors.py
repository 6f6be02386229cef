"""Kinds of error before and after: of the first attempt where the model makes it, else of the last try."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from verl_reflect.report.measures import Measure
from verl_reflect.report.reading import Subject
from verl_reflect.report.results import all_measures, by_label
from verl_reflect.report.session import ShownSession

PASSED = "none"


@dataclass(frozen=True)
class ErrorCount:
    """One kind of error of one label and measure: share of the sessions that end with it, 0 to 1."""

    label: str
    measure: Measure
    category: str
    before: float | None
    """None if nothing was measured before."""
    after: float


def error_counts(sources: Sequence[Subject]) -> list[ErrorCount]:
    """Each measure's and label's kinds of error, the most frequent first. Tries that pass are left out."""
    return [
        count
        for measure in all_measures(sources)
        for label, seeds in by_label(sources).items()
        for count in _of_label(label, measure, seeds)
    ]


def _of_label(label: str, measure: Measure, seeds: Sequence[Subject]) -> list[ErrorCount]:
    before = _shares(measure, (session for seed in seeds for session in seed.before))
    after = _shares(measure, (session for seed in seeds for session in seed.after))
    if not after:
        return []
    categories = sorted((before | after).keys() - {PASSED}, key=lambda name: (-(before or after).get(name, 0.0), name))
    return [
        ErrorCount(label, measure, each, before.get(each, 0.0) if before else None, after.get(each, 0.0))
        for each in categories
    ]


def _shares(measure: Measure, sessions: Iterable[ShownSession]) -> dict[str, float]:
    """Share of the sessions by kind of error. Empty without any."""
    counts = Counter(_error(measure, session) for session in sessions if measure.holds(session))
    return {name or "not named": count / counts.total() for name, count in counts.items()}


def _error(measure: Measure, session: ShownSession) -> str:
    error = session.first_verdict.error if measure.first else session.last_verdict.error
    passed = session.passed if measure.first else session.in_the_end > 0
    return PASSED if passed else error
