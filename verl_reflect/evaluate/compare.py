"""`verl-reflect eval-compare BEFORE AFTER`: what training changed, answer by answer on the same items."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verl_reflect.evaluate.forgetting import Scores, read_scores
from verl_reflect.evaluate.measures import ALL, FAILURES, Successes, categories, first_tries, on_failures, overall
from verl_reflect.evaluate.record import FIRST_TRY
from verl_reflect.evaluate.summary import Summary
from verl_reflect.evaluate.table import Grid, category_grid, name_of, p_value
from verl_reflect.evaluate.transcripts import read_counted
from verl_reflect.statistics import Answer, Comparison, Estimate, compare, estimate


@dataclass(frozen=True)
class Folder:
    """A finished evaluation."""

    path: Path
    summary: dict[str, Any]
    rows: list[dict[str, Any]]
    forgetting: Scores
    """Empty if it was not measured."""

    @classmethod
    def read(cls, path: Path) -> "Folder":
        """Read it. Raises ValueError, in one sentence, if the folder holds no finished evaluation."""
        facts = Summary.read(path).facts
        return cls(path, facts, read_counted(path / "transcripts.parquet"), read_scores(path))

    @property
    def conditions(self) -> list[str]:
        """The second tries that it has."""
        return list(self.summary["settings"]["conditions"])


@dataclass(frozen=True)
class Change:
    """One accuracy before and after, on the answers that both have."""

    name: str
    of: str
    before: Estimate
    after: Estimate
    change: Comparison


def doubts(before: Folder, after: Folder) -> list[str]:
    """What besides the model is not the same, in one sentence each. Raises ValueError for different data."""
    if [each["sha256"] for each in before.summary["data"]] != [each["sha256"] for each in after.summary["data"]]:
        raise ValueError(f"{before.path} and {after.path} are on different data; only the same items can be compared.")
    names = {"sampling": "sampling parameters", "chat_template": "chat templates", "reflect": "reflect settings"}
    return [
        f"The two have different {words}, so not only the model makes the difference."
        for name, words in names.items()
        if before.summary[name] != after.summary[name]
    ]


def changes(before: Folder, after: Folder) -> Iterator[Change]:
    """The first try and every second try that both have; and where both failed at first, the second try on these."""
    shared = [name for name in before.conditions if name in after.conditions]
    yield from _change(name_of(FIRST_TRY), ALL, first_tries(before.rows), first_tries(after.rows))
    for name in shared:
        yield from _change(name_of(name), ALL, overall(before.rows, name), overall(after.rows, name))
    for name in shared:
        failures = on_failures(before.rows, name), on_failures(after.rows, name)
        yield from _change(name_of(name), f"{FAILURES} of both", *failures)


def forgotten(before: Folder, after: Folder) -> Iterator[Change]:
    """The benchmarks that both have, document by document."""
    for name in before.forgetting:
        if name in after.forgetting:
            documents = {document: number for number, document in enumerate(before.forgetting[name])}
            numbered = (_numbered(folder.forgetting[name], documents) for folder in (before, after))
            yield from _change(name, "documents", *numbered)


def grids(before: Folder, after: Folder) -> Iterator[Grid]:
    """The comparison as tables."""
    yield _grid("Before and after, % (95 % interval)", list(changes(before, after)))
    counted = {f"{which}: {name_of(tried)}": counts for which, tried, counts in _categories(before, after)}
    yield category_grid("Answers by error category", counted)
    if found := list(forgotten(before, after)):
        yield _grid("Other benchmarks, % (95 % interval)", found)


def _change(name: str, of: str, before: Successes, after: Successes) -> Iterator[Change]:
    shared = before.keys() & after.keys()
    if shared:
        one, other = ({answer: values[answer] for answer in sorted(shared)} for values in (before, after))
        yield Change(name, of, estimate(one), estimate(other), compare(one, other))


def _categories(before: Folder, after: Folder) -> Iterator[tuple[str, str, Mapping[str, int]]]:
    """First try and second try after reflecting, each before and after: the paper's error tables."""
    counted = {"before": categories(before.rows), "after": categories(after.rows)}
    for tried in (FIRST_TRY, "reflect"):
        for which, counts in counted.items():
            if tried in counts:
                yield which, tried, counts[tried]


def _grid(title: str, found: list[Change]) -> Grid:
    rows = [
        (
            *(each.name, each.of, each.before.percent(), each.after.percent(), each.change.difference.percent("+")),
            *(p_value(each.change.p), f"{each.change.fixed:,}", f"{each.change.broken:,}", f"{each.change.answers:,}"),
        )
        for each in found
    ]
    return Grid(title, ("", "of", "before", "after", "Δ", "p", "fixed", "broken", "answers"), rows)


def _numbered(scores: Mapping[str, float], documents: Mapping[str, int]) -> dict[Answer, float]:
    """Scores of documents as successes of single answers."""
    return {(documents[document], 0): score for document, score in scores.items() if document in documents}
