"""The result: failed attempts as verl's trainer reads them, and a card that says how they were made."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow as pa

from verl_reflect.mine.sampling import Sampled
from verl_reflect.mine.settings import MineSettings
from verl_reflect.records.parquet import write_table
from verl_reflect.statistics import pass_at_k, powers_of_two

COLUMNS = ("first_attempt", "first_attempt_ids", "pass_rate", "samples")


def write_failure_set(
    path: Path, table: pa.Table, sampled: Mapping[int, Sampled], settings: MineSettings, origin: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the failure set and its card, and return the card's counts.

    The rows are in the order of the input; nothing depends on the order in which queries were finished.

    Args:
        table: The input.
        sampled: What is known of its rows, by their number.
        origin: What the card says of model, template, sampling and data.

    Raises:
        ValueError: there is no failure to write.
    """
    chosen = [sampled[index] for index in sorted(sampled) if _fits(sampled[index], settings)]
    counts = _counts(table.num_rows, sampled.values(), chosen)
    if not any(each.kept for each in chosen):
        raise ValueError(_why_none(path, counts, settings))
    facts = {**origin, "counts": counts, "pass_rates_kept": [settings.min_pass_rate, settings.max_pass_rate]}
    if settings.stop_after is None:
        facts["pass_at"] = pass_at(sampled.values(), settings.samples)
    write_table(path, _rows(table, chosen), {"mined": facts})
    return counts


def _fits(each: Sampled, settings: MineSettings) -> bool:
    rate = each.pass_rate
    return rate is not None and settings.min_pass_rate <= rate <= settings.max_pass_rate


def _rows(table: pa.Table, chosen: Iterable[Sampled]) -> pa.Table:
    pairs = [(each, failure) for each in chosen for failure in each.kept]
    columns = [
        pa.array([failure.text for _, failure in pairs], pa.string()),
        pa.array([failure.token_ids for _, failure in pairs], pa.list_(pa.int64())),
        pa.array([each.pass_rate for each, _ in pairs], pa.float64()),
        pa.array([each.judged for each, _ in pairs], pa.int64()),
    ]
    rows = table.drop_columns([name for name in COLUMNS if name in table.column_names])
    rows = rows.take(pa.array([each.query for each, _ in pairs], pa.int64())).combine_chunks()
    for name, column in zip(COLUMNS, columns, strict=True):
        rows = rows.append_column(name, column)
    return rows


def _counts(queries: int, sampled: Iterable[Sampled], chosen: Iterable[Sampled]) -> dict[str, Any]:
    done = list(sampled)
    rates = [each.pass_rate for each in done if each.pass_rate is not None]
    categories = sum((Counter(each.categories) for each in done), Counter[str]())
    return {
        "queries": queries,
        "never_passed": sum(rate == 0 for rate in rates),
        "sometimes_passed": sum(0 < rate < 1 for rate in rates),
        "always_passed": sum(rate == 1 for rate in rates),
        "too_long": sum(each.too_long for each in done),
        "given_up": queries - sum(not each.error for each in done),
        "without_verdict": sum(each.judged == 0 and each.unjudged > 0 for each in done),
        "answers": sum(each.judged + each.unjudged for each in done),
        "answers_without_verdict": sum(each.unjudged for each in done),
        "answer_tokens": sum(each.tokens for each in done),
        "failures": sum(each.failed for each in done),
        "failures_by_category": dict(sorted(categories.items())),
        "rows": sum(len(each.kept) for each in chosen),
    }


def pass_at(sampled: Iterable[Sampled], samples: int) -> dict[str, float]:
    """The mean chance that at least one of k answers passes, for k = 1, 2, 4, ... up to `samples`, without bias.

    Over the queries all of whose `samples` answers have a verdict.
    """
    passed = [each.passed for each in sampled if each.judged == samples]
    if not passed:
        return {}
    return {str(k): round(fmean(pass_at_k(samples, n, k) for n in passed), 6) for k in powers_of_two(samples)}


def _why_none(path: Path, counts: Mapping[str, Any], settings: MineSettings) -> str:
    if counts["failures"]:
        return (
            f"Of {counts['failures']} failures none is of a query with a pass rate from {settings.min_pass_rate:g} to "
            f"{settings.max_pass_rate:g}, so {path} is not written; with other limits (--min-pass-rate, "
            f"--max-pass-rate) the same command uses these answers again: {_sentence(counts)}"
        )
    return f"There is no failure to write to {path}: {_sentence(counts)}"


def _sentence(counts: Mapping[str, Any]) -> str:
    return (
        f"of {counts['queries']} queries {counts['always_passed']} always passed, {counts['sometimes_passed']} "
        f"sometimes, {counts['never_passed']} never{_others(counts)}."
    )


def _others(counts: Mapping[str, Any]) -> str:
    """Queries without a pass rate, which would else be missing from the sum."""
    kinds = {"too_long": "too long", "given_up": "given up", "without_verdict": "without a verdict"}
    return "".join(f", {counts[name]} {words}" for name, words in kinds.items() if counts[name])
