"""What the conversations add up to: accuracies with intervals, comparisons with p-values, error categories, pass@k.

Counted from the rows of `transcripts.py`, whether they were just made or read from a file. Answers on which the
verifier gave no verdict count neither way. A first attempt that came with the data is not the model's: it is in no
measure but those on first-try failures.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from verl_reflect.evaluate.record import FIRST_TRY
from verl_reflect.statistics import Answer, Comparison, Estimate, compare, estimate, pass_at_k, powers_of_two

Rows = Sequence[Mapping[str, Any]]
Successes = dict[Answer, float]
ALL, FAILURES = "all", "failures"
"""What a measure is of: all answers, or those whose first try failed."""


@dataclass(frozen=True)
class Accuracy:
    """An accuracy."""

    tried: str
    """FIRST_TRY, or the condition of the second try."""
    of: str
    """ALL or FAILURES."""
    within: int
    """Rounds of second tries; 0 for a first try."""
    accuracy: Estimate
    items: int
    answers: int


@dataclass(frozen=True)
class Contrast:
    """Two ways of answering, on the answers that both have."""

    first: str
    second: str
    of: str
    change: Comparison


@dataclass(frozen=True)
class PassAt:
    """pass@k of first tries, or of first and second together."""

    tried: str
    k: int
    accuracy: Estimate
    items: int


@dataclass(frozen=True)
class Results:
    """All that is measured on the items of one data source, or on all."""

    data_source: str
    items: int
    accuracies: list[Accuracy]
    contrasts: list[Contrast]
    pass_at: list[PassAt]
    categories: dict[str, dict[str, int]]
    """Answers by error category, of the first try and after each condition's last."""


def results_by_source(rows: Rows) -> list[Results]:
    """The results on all items, and where these are of several data sources, on each."""
    sources = sorted({row["data_source"] for row in rows})
    if len(sources) < 2:
        return [results(rows, *sources)] if sources else []
    parts = (results([row for row in rows if row["data_source"] == source], source) for source in sources)
    return [results(rows, "all"), *parts]


def results(rows: Rows, data_source: str) -> Results:
    """The results on these rows."""
    conditions = _conditions(rows)
    first = first_tries(rows)
    pools = {FIRST_TRY: first, **{name: overall(rows, name) for name in conditions}}
    return Results(
        data_source=data_source,
        items=len({row["item"] for row in rows}),
        accuracies=list(_accuracies(rows, conditions)),
        contrasts=list(_contrasts(rows, conditions)),
        pass_at=[each for name, pool in pools.items() for each in _pass_at(name, pool)],
        categories=categories(rows),
    )


def first_tries(rows: Rows) -> Successes:
    """Success of the model's own first attempts."""
    return {_answer(row): row["first_passed"] for row in rows if row["own_attempt"] and row["first_passed"] is not None}


def on_failures(rows: Rows, condition: str, within: int = 1) -> Successes:
    """Success of second tries where the first attempt failed, within so many rounds."""
    of = (row for row in rows if row["condition"] == condition and row["passed_within"] is not None)
    return {_answer(row): row["passed_within"][within - 1] for row in of}


def overall(rows: Rows, condition: str, within: int = 1) -> Successes:
    """Success at the first try or, failing that, within so many rounds of second tries."""
    first, second = first_tries(rows), on_failures(rows, condition, within)
    return {answer: 1.0 if passed else second[answer] for answer, passed in first.items() if passed or answer in second}


def categories(rows: Rows) -> dict[str, dict[str, int]]:
    """How many answers have each error category: at first, and in the end under each condition."""
    first = {_answer(row): row["first_category"] for row in rows if row["first_passed"] is not None}
    counted = {FIRST_TRY: _sorted(first.values())}
    for name in _conditions(rows):
        counted[name] = _sorted(
            row["second_category"]
            for row in rows
            if row["condition"] == name and (row["first_passed"] == 1 or row["passed_within"] is not None)
        )
    return counted


def _conditions(rows: Rows) -> list[str]:
    return [name for name in dict.fromkeys(row["condition"] for row in rows) if name != FIRST_TRY]


def _rounds(rows: Rows, condition: str) -> range:
    ran = (len(row["passed_within"] or ()) for row in rows if row["condition"] == condition)
    return range(1, max(ran, default=0) + 1)


def _accuracies(rows: Rows, conditions: Iterable[str]) -> Iterable[Accuracy]:
    found = [(FIRST_TRY, ALL, 0, first_tries(rows))]
    for name in conditions:
        found += [(name, ALL, within, overall(rows, name, within)) for within in _rounds(rows, name)]
        found += [(name, FAILURES, within, on_failures(rows, name, within)) for within in _rounds(rows, name)]
    for tried, of, within, values in found:
        if values:
            yield Accuracy(tried, of, within, estimate(values), _items(values), len(values))


def _contrasts(rows: Rows, conditions: Sequence[str]) -> Iterable[Contrast]:
    """Each second try with the first try on all items, and reflecting with every other condition on the failures."""
    for name in conditions:
        first, second = first_tries(rows), overall(rows, name)
        if first.keys() & second.keys():
            yield Contrast(FIRST_TRY, name, ALL, compare(first, second))
    for name in conditions:
        other, reflect = on_failures(rows, name), on_failures(rows, "reflect")
        if name != "reflect" and other.keys() & reflect.keys():
            yield Contrast(name, "reflect", FAILURES, compare(other, reflect))


def _pass_at(tried: str, successes: Successes) -> Iterable[PassAt]:
    """Over the items all of whose samples have a verdict. A share of several retries is no pass: there is none then."""
    by_item: dict[int, list[float]] = {}
    for (item, _), value in successes.items():
        by_item.setdefault(item, []).append(value)
    samples = max(map(len, by_item.values()), default=0)
    if samples < 2 or not set(successes.values()) <= {0, 1}:
        return
    whole = {item: values for item, values in by_item.items() if len(values) == samples}
    for k in powers_of_two(samples):
        chances = {(item, 0): pass_at_k(samples, int(sum(values)), k) for item, values in whole.items()}
        yield PassAt(tried, k, estimate(chances), len(chances))


def _answer(row: Mapping[str, Any]) -> Answer:
    return row["item"], row["sample"]


def _items(successes: Successes) -> int:
    return len({item for item, _ in successes})


def _sorted(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))
