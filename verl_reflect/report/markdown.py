"""The results as a Markdown table for a model card."""

from collections.abc import Sequence

from verl_reflect.accuracy import Estimate
from verl_reflect.report.reading import Source
from verl_reflect.report.results import Comparison, Row, comparisons, rows

_SPECIAL = str.maketrans({each: f"\\{each}" for each in "\\`*_{}[]<>|#"} | {"\n": " "})


def markdown(sources: Sequence[Source]) -> str:
    """The table, and below it what is better by how much on the same items."""
    lines = [
        "Accuracy in %, with 95 % intervals over items; Δ on the same items.",
        "",
        "| | | items | before | after | Δ | Δ of each seed |",
        "|---|---|---|---|---|---|---|",
        *map(_row, rows(sources)),
    ]
    found = comparisons(sources)
    if found:
        lines += ["", "On the same items:", ""]
    return "\n".join([*lines, *map(_comparison, found)]) + "\n"


def _comparison(found: Comparison) -> str:
    one, other = f"{found.label}, {found.measure.name}", f"{found.other}, {found.than.name}"
    return f"- {_safe(one)}, over {_safe(other)}: {found.gain.percent('+')} points"


def _row(row: Row) -> str:
    cells = [
        _safe(row.label),
        _safe(f"{row.measure.name} ({row.measure.data_source})"),
        f"{row.items:,}",
        _cell(row.before),
        _cell(row.after),
        _cell(row.gain, "+"),
        ", ".join(f"{100 * each.value:+.1f}" for each in row.seeds) or "—",
    ]
    return f"| {' | '.join(cells)} |"


def _cell(estimate: Estimate | None, sign: str = "") -> str:
    return estimate.percent(sign) if estimate else "—"


def _safe(text: str) -> str:
    return text.translate(_SPECIAL)
