"""What happened, in one paragraph made from the numbers. A change whose interval includes zero is not called one."""

from collections.abc import Sequence

from verl_reflect.report.measures import AFTER, Measure, headline
from verl_reflect.report.reading import Subject
from verl_reflect.report.results import LabelComparison, ResultRow, all_measures, comparisons, rows
from verl_reflect.statistics import Estimate


def story(sources: Sequence[Subject]) -> str:
    """The paragraph: how each label's second try changed, and how the first label's compares. May be empty."""
    main = headline(all_measures(sources))
    if main is None:
        return ""
    told = [_told(row) for row in rows(sources) if row.measure == main]
    compared = [_compared(each, main) for each in comparisons(sources) if each.label == sources[0].label]
    return " ".join([f"{_opening(main, sources)}: {'; '.join(told)}.", *compared])


def _opening(main: Measure, sources: Sequence[Subject]) -> str:
    items = max(row.items for row in rows(sources) if row.measure == main)
    return f"{main.name}, on {items:,} {'tasks that the model had failed' if main.known_failures else 'tasks'}"


def _told(row: ResultRow) -> str:
    assert row.after is not None  # a row has items
    after = f"{100 * row.after.value:.1f} %"
    if row.before is None:
        return f"“{row.label}” passes {after}"
    before = f"“{row.label}” went from {100 * row.before.value:.1f} % to {after}"
    if row.gain is None:
        return f"{before}, on different tasks"
    if _includes_zero(row.gain):
        return f"{before}, which may be chance: the interval of {_points(row.gain, '+')} includes zero"
    return f"{before}, {'a rise' if row.gain.value > 0 else 'a fall'} of {_points(_size(row.gain))}"


def _compared(found: LabelComparison, main: Measure) -> str:
    on = "On the same tasks" if found.measure == main else "Where its first try failed,"
    if found.other == found.label:
        here, there = f" {AFTER[found.measure.condition]}", AFTER[found.than.condition]
    else:
        here, there = "", f"“{found.other}”"
    if _includes_zero(found.gain):
        points = f"the interval of {_points(found.gain, '+')} includes zero"
        return f"{on} it cannot be said whether “{found.label}” is better{here} than {there}: {points}."
    how = "better" if found.gain.value > 0 else "worse"
    return f"{on} “{found.label}” is {_points(_size(found.gain))} {how}{here} than {there}."


def _includes_zero(gain: Estimate) -> bool:
    return gain.low <= 0 <= gain.high


def _size(gain: Estimate) -> Estimate:
    """Of a change whose direction the words say."""
    return gain if gain.value > 0 else Estimate(-gain.value, -gain.high, -gain.low)


def _points(gain: Estimate, sign: str = "") -> str:
    return f"{gain.percent(sign).replace('-', '−')} points"
