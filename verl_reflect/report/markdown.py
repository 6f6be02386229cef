"""The results as a Markdown table for a model card."""

from collections.abc import Sequence

from verl_reflect.records.markdown import markdown_table
from verl_reflect.report.reading import Subject
from verl_reflect.report.results import LabelComparison, ResultRow, comparisons, evaluation_grids, rows
from verl_reflect.statistics import Estimate

_SPECIAL = str.maketrans({each: f"\\{each}" for each in "\\`*_{}[]<>|#"} | {"\n": " "})


def markdown(sources: Sequence[Subject]) -> str:
    """The table, below it what is better by how much on the same items, and what evaluations printed themselves."""
    header = ("", "", "items", "before", "after", "Δ", "Δ of each seed")
    parts = [
        "Accuracy in %, with 95 % intervals over items; Δ on the same items.",
        markdown_table(header, map(_row, rows(sources))),
    ]
    if found := comparisons(sources):
        parts += ["On the same items:", "\n".join(map(_comparison, found))]
    evaluated = (f"{_safe(name)}: {grid.markdown().strip()}" for name, grid in evaluation_grids(sources))
    return "\n\n".join([*parts, *evaluated]) + "\n"


def _comparison(found: LabelComparison) -> str:
    one, other = f"{found.label}, {found.measure.name}", f"{found.other}, {found.than.name}"
    return f"- {_safe(one)}, over {_safe(other)}: {found.gain.percent('+')} points"


def _row(row: ResultRow) -> list[str]:
    return [
        _safe(row.label),
        _safe(f"{row.measure.name} ({row.measure.data_source})"),
        f"{row.items:,}",
        _cell(row.before),
        _cell(row.after),
        _cell(row.gain, "+"),
        ", ".join(f"{100 * each.value:+.1f}" for each in row.seeds) or "—",
    ]


def _cell(estimate: Estimate | None, sign: str = "") -> str:
    return estimate.percent(sign) if estimate else "—"


def _safe(text: str) -> str:
    return text.translate(_SPECIAL)
