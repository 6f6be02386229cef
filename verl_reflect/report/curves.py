"""Numbers over training steps, one line a label: the mean of its seeds and a band.

With several seeds the band goes from the lowest seed to the highest; with one it is the 95 % interval over items, or
none where a number has no interval.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean

from verl_reflect.report.measures import Measure
from verl_reflect.report.measures import share as share_of
from verl_reflect.report.reading import Sessions, Subject
from verl_reflect.report.results import all_measures, by_label
from verl_reflect.statistics import Estimate

Series = Mapping[int, Estimate]
"""A number, with its interval if it has one, by step."""


@dataclass(frozen=True)
class Line:
    """One line of a plot: (step, value, low, high), in order."""

    label: str
    points: tuple[tuple[int, float, float, float], ...]


@dataclass(frozen=True)
class Curve:
    """One plot over training steps."""

    title: str
    about: str
    """What it is measured on."""
    unit: str
    lines: tuple[Line, ...]
    share: bool
    """Values are shares, shown in percent."""

    @property
    def name(self) -> str:
        """Of its files."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.title} {self.about}".lower()).strip("-")


def top_of(curves: Sequence[Curve]) -> float:
    """Where the axis of shares ends, in percent: the same for plots that are read side by side."""
    highest = [point[3] for curve in curves if curve.share for line in curve.lines for point in line.points]
    return min(100.0, 10 * math.ceil(11 * max(highest, default=1.0)))


def validation_curves(sources: Sequence[Subject]) -> list[Curve]:
    """A plot for each measure that was validated at two steps or more."""
    return _drawable(
        _curve(each.name, each.data_source, "% of items", sources, partial(_validated, each))
        for each in all_measures(sources)
    )


def training_curves(sources: Sequence[Subject]) -> list[Curve]:
    """The reward of what was trained on."""
    return _drawable([_curve("Reward in training", "retries that pass", "% of retries", sources, _reward)])


def reflection_curves(sources: Sequence[Subject]) -> list[Curve]:
    """Length and diversity of the reflections that were trained on."""
    tokens, differ = partial(_over_rollouts, length), partial(_over_rollouts, diversity)
    return _drawable(
        [
            _curve("Length of a reflection", "in training", "tokens", sources, tokens, share=False),
            _curve("Reflections that differ", "within a group, in training", "% of the group", sources, differ),
        ]
    )


def length(sessions: Sessions) -> float | None:
    """Mean tokens of a reflection. None without any."""
    tokens = [session.reflection.tokens for session in sessions if session.reflection]
    return fmean(tokens) if tokens else None


def diversity(sessions: Sessions) -> float | None:
    """Of the reflections on one failed attempt, the share that differ: mean over groups. 1: no two are the same."""
    groups: dict[str, list[str]] = {}
    for session in sessions:
        if session.reflection:
            groups.setdefault(session.group, []).append(session.reflection.text)
    return fmean(len(set(texts)) / len(texts) for texts in groups.values()) if groups else None


def _validated(measure: Measure, source: Subject) -> Series:
    found = {step: share_of(measure.values(sessions)) for step, sessions in source.validations.items()}
    return {step: value for step, value in found.items() if value}


def _reward(source: Subject) -> Series:
    return _bare({each.step: each.values.get("reflect/acc") for each in source.metrics})


def _over_rollouts(number: Callable[[Sessions], float | None], source: Subject) -> Series:
    return _bare({step: number(sessions) for step, sessions in source.rollouts.items()})


def _bare(found: Mapping[int, float | None]) -> Series:
    """Numbers without an interval."""
    return {step: Estimate(value, value, value) for step, value in found.items() if value is not None}


def _curve(
    title: str,
    about: str,
    unit: str,
    sources: Sequence[Subject],
    series: Callable[[Subject], Series],
    share: bool = True,
) -> Curve:
    lines = [_line(label, [series(seed) for seed in seeds]) for label, seeds in by_label(sources).items()]
    return Curve(title, about, unit, tuple(lines), share)


def _line(label: str, seeds: Sequence[Series]) -> Line:
    """The seeds' mean at the steps that all of them have."""
    seeds = [seed for seed in seeds if seed]
    steps = sorted(set.intersection(*map(set, seeds))) if seeds else []
    return Line(label, tuple((step, *_point([seed[step] for seed in seeds])) for step in steps))


def _point(seeds: Sequence[Estimate]) -> tuple[float, float, float]:
    if len(seeds) == 1:
        return seeds[0].value, seeds[0].low, seeds[0].high
    values = [seed.value for seed in seeds]
    return fmean(values), min(values), max(values)


def _drawable(curves: Iterable[Curve]) -> list[Curve]:
    """Those that have a line with two points or more."""
    return [curve for curve in curves if any(len(line.points) > 1 for line in curve.lines)]
