"""What happened, in a few sentences made from the numbers. A change whose interval includes zero is called none."""

from collections.abc import Sequence

from verl_reflect.accuracy import Estimate
from verl_reflect.report.measures import Measure, headline
from verl_reflect.report.reading import Source
from verl_reflect.report.results import Comparison, Row, all_measures, comparisons, rows


def story(sources: Sequence[Source]) -> list[str]:
    """The sentences, one a label, then one a comparison. Empty if nothing was reflected on."""
    main = headline(all_measures(sources))
    if main is None:
        return []
    told = [_of_label(row) for row in rows(sources) if row.measure == main]
    return [*told, *map(_of_comparison, comparisons(sources))]


def _of_label(row: Row) -> str:
    what = f"{row.label}: on {row.items:,} {_items(row.measure)}, the {row.measure.name[0].lower()}{row.measure.name[1:]}"
    if row.after is None or row.before is None:
        return f"{what} passes {row.after.percent() if row.after else '–'} % of the time."
    if row.gain is None:
        return f"{what} passes {row.after.percent()} %, before {row.before.percent()} % on other items."
    return f"{what} went from {100 * row.before.value:.1f} % to {100 * row.after.value:.1f} %: {_change(row.gain)}."


def _items(measure: Measure) -> str:
    return "tasks that the model had failed" if measure.known_failures else "tasks"


def _change(gain: Estimate) -> str:
    if gain.low <= 0 <= gain.high:
        return f"{gain.percent('+')} points, which may be chance, as the interval includes zero"
    return f"{'a rise' if gain.value > 0 else 'a fall'} of {gain.percent('+')} points"


def _of_comparison(found: Comparison) -> str:
    both = f"{found.better} against {found.than}, on the same items: {found.gain.percent('+')} points"
    if found.gain.low <= 0 <= found.gain.high:
        return f"{both}. The interval includes zero: no difference can be claimed."
    return f"{both}."
