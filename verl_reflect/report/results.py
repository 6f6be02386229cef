"""The results table and what is compared with what: by label, over the seeds of a label, item by item.

A label that is one evaluation has the numbers that `verl-reflect eval` printed, from its summary.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from verl_reflect.evaluate.measures import FAILURES, Accuracy, Results
from verl_reflect.evaluate.table import Grid, success_grids
from verl_reflect.report.measures import Measure, Values, difference, headline, mean_of_seeds, measures, share
from verl_reflect.report.reading import Subject
from verl_reflect.statistics import Estimate


@dataclass(frozen=True)
class ResultRow:
    """One accuracy of one label, before and after."""

    label: str
    measure: Measure
    items: int
    before: Estimate | None
    after: Estimate | None
    gain: Estimate | None
    seeds: tuple[Estimate, ...]
    """The gain of each seed, in order; empty for a single one."""


@dataclass(frozen=True)
class LabelComparison:
    """By how much a label's second try after reflecting is better than something else, on the same items."""

    label: str
    other: str
    """The other label; the same where it is a control that makes the difference."""
    measure: Measure
    than: Measure
    """The same again where it is the label that makes the difference."""
    gain: Estimate


def by_label(sources: Iterable[Subject]) -> dict[str, list[Subject]]:
    """The sources of each label, in the order of the report."""
    found: dict[str, list[Subject]] = {}
    for source in sources:
        found.setdefault(source.label, []).append(source)
    return found


def all_measures(sources: Iterable[Subject]) -> list[Measure]:
    """What any of the sources measures."""
    return measures([session for source in sources for session in (*source.before, *source.after)])


def rows(sources: Sequence[Subject]) -> list[ResultRow]:
    """A row for each measure and label that has it."""
    found = all_measures(sources)
    every = [_row(label, measure, same) for measure in found for label, same in by_label(sources).items()]
    return [row for row in every if row.items]


def _row(label: str, measure: Measure, seeds: Sequence[Subject]) -> ResultRow:
    before, after = _before(measure, seeds), _after(measure, seeds)
    was, now = _counted(measure, seeds)
    gains = [difference(measure.values(seed.before), measure.values(seed.after)) for seed in seeds]
    return ResultRow(
        label,
        measure,
        now.items if now else len(after),
        was.accuracy if was else share(before),
        now.accuracy if now else share(after),
        difference(before, after),
        tuple(gain for gain in gains if gain) if len(seeds) > 1 else (),
    )


def _counted(measure: Measure, seeds: Sequence[Subject]) -> tuple[Accuracy | None, Accuracy | None]:
    """Before and after in an evaluation's own summary. There is none of several seeds, nor of a run."""
    if len(seeds) > 1:
        return None, None
    return measure.counted(seeds[0].results_before), measure.counted(seeds[0].results)


def _before(measure: Measure, seeds: Iterable[Subject]) -> Values:
    return mean_of_seeds([measure.values(seed.before) for seed in seeds])


def _after(measure: Measure, seeds: Iterable[Subject]) -> Values:
    return mean_of_seeds([measure.values(seed.after) for seed in seeds])


def comparisons(sources: Sequence[Subject]) -> list[LabelComparison]:
    """Each label's second try after reflecting with its other second tries; the first label with the others."""
    found, labels = all_measures(sources), by_label(sources)
    main = headline(found)
    if main is None:
        return []
    return [*_with_controls(main, found, labels), *_with_other_labels(main, labels)]


def _with_controls(
    main: Measure, found: Iterable[Measure], labels: Mapping[str, Sequence[Subject]]
) -> Iterable[LabelComparison]:
    others = [each for each in found if not each.first and each.condition != "reflect"]
    for label, seeds in labels.items():
        if len(seeds) == 1 and seeds[0].results:
            yield from _contrasts(label, main, seeds[0].results)
            continue
        for other in others:
            gain = difference(_after(other, seeds), _after(main, seeds))
            if gain:
                yield LabelComparison(label, label, main, other, gain)


def _contrasts(label: str, main: Measure, results: Iterable[Results]) -> Iterable[LabelComparison]:
    """Those of an evaluation's own summary, which compares where the first try failed."""
    reflect = replace(main, known_failures=True)
    for found in (each for each in results if each.data_source == main.data_source):
        for contrast in (each for each in found.contrasts if each.of == FAILURES):
            than = replace(reflect, condition=contrast.first)
            yield LabelComparison(label, label, reflect, than, contrast.change.difference)


def _with_other_labels(main: Measure, labels: Mapping[str, Sequence[Subject]]) -> Iterable[LabelComparison]:
    (first, seeds), *others = labels.items()
    for label, other_seeds in others:
        gain = difference(_after(main, other_seeds), _after(main, seeds))
        if gain:
            yield LabelComparison(first, label, main, main, gain)


def evaluation_grids(sources: Iterable[Subject]) -> Iterator[tuple[str, Grid]]:
    """What `verl-reflect eval` printed of each evaluation, with its name."""
    for source in sources:
        for found in source.results:
            yield from ((source.name, grid) for grid in success_grids(found))
