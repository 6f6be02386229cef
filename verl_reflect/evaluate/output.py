"""What an evaluation leaves in its folder. docs/eval.md has the formats."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from verl_reflect.evaluate.conversation import index_of
from verl_reflect.evaluate.measures import Results, results_by_source
from verl_reflect.evaluate.record import FIRST_TRY, Records
from verl_reflect.evaluate.settings import EvalSettings
from verl_reflect.evaluate.summary import FILE_NAME, FORMAT
from verl_reflect.evaluate.table import grids
from verl_reflect.evaluate.transcripts import transcripts, write_transcripts
from verl_reflect.records.parquet import write_table
from verl_reflect.records.transcripts import Utterance
from verl_reflect.records.whole_file import write_whole
from verl_reflect.rollout.session import last_request
from verl_reflect.statistics import Answer


def write_results(
    folder: Path,
    records: Records,
    table: pa.Table,
    prompt_key: str,
    settings: EvalSettings,
    origin: Mapping[str, Any],
) -> list[Results]:
    """Write transcripts, summary and reflections, and return what was measured.

    Raises:
        ValueError: no conversation came to an end.
    """
    items = _items(table, prompt_key)
    told = transcripts(records, items, settings.conditions, settings.samples, settings.rounds)
    rows = [{**row, "run": origin["run"]["id"]} for row in told]
    if not rows:
        why = next((record.error for record in records.given_up), "")
        raise ValueError(f"No conversation came to an end; the first was given up: {why}")
    found = results_by_source(rows)
    counts = {"items": table.num_rows, "given_up": len(records.given_up), **_counts(rows)}
    summary = {"format": FORMAT, **origin, "counts": counts, "results": [asdict(each) for each in found]}
    card = {"evaluation": origin}
    write_transcripts(folder / "transcripts.parquet", rows, card)
    if said := list(_said(records, settings)):
        write_table(folder / "reflections.parquet", _with_reflections(table, said), card)
    write_whole(folder / "summary.md", "\n".join(grid.markdown() for each in found for grid in grids(each)))
    write_whole(folder / FILE_NAME, json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    return found


def _items(table: pa.Table, prompt_key: str) -> list[dict[str, Any]]:
    """What transcripts say of each row."""
    columns = [prompt_key, "data_source", *({"extra_info"} & set(table.column_names))]
    return [
        {
            "index": index_of(row),
            "data_source": row["data_source"],
            "task": last_request(row[prompt_key]),
        }
        for row in table.select(columns).to_pylist()
    ]


def _counts(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How much was said. A first attempt counts once, however many second tries went on from it."""
    metrics = [row["metrics"] for row in rows]
    attempts = {(row["item"], row["sample"]): row for row in rows}.values()
    return {
        "answers": len(attempts),
        "without_verdict": sum(int(each["verifier_error"]) for each in metrics),
        "attempt_tokens": sum(row["attempt"]["tokens"] for row in attempts if row["own_attempt"]),
        "reflection_tokens": sum(int(each["reflection_tokens"]) for each in metrics),
        "retry_tokens": sum(int(each["retry_tokens"]) for each in metrics),
        "attempts_truncated": sum(row["attempt"]["truncated"] for row in attempts),
        "reflections_truncated": sum(int(each["reflection_truncated"]) for each in metrics),
        "retries_truncated": sum(int(each["retry_truncated"]) for each in metrics),
    }


def _said(records: Records, settings: EvalSettings) -> Iterable[tuple[Answer, Utterance, Utterance]]:
    """Each failed attempt that the model reflected on, with its reflection."""
    firsts = records.of(FIRST_TRY)
    reflected = records.of("reflect") if "reflect" in settings.conditions else {}
    for answer, record in reflected.items():
        attempt, reflection = firsts[answer].attempt, record.rounds[0].reflection
        if attempt and reflection and answer[1] < settings.samples:
            yield answer, attempt, reflection


def _with_reflections(table: pa.Table, said: Sequence[tuple[Answer, Utterance, Utterance]]) -> pa.Table:
    """The rows of these failures, with attempt and reflection: data for another model's condition `stored`."""
    columns = {
        "first_attempt": pa.array([attempt.text for _, attempt, _ in said], pa.string()),
        "first_attempt_ids": pa.array([attempt.token_ids for _, attempt, _ in said], pa.list_(pa.int64())),
        "reflection": pa.array([reflection.text for _, _, reflection in said], pa.string()),
        "reflection_ids": pa.array([reflection.token_ids for _, _, reflection in said], pa.list_(pa.int64())),
    }
    rows = table.drop_columns([name for name in columns if name in table.column_names])
    rows = rows.take(pa.array([item for (item, _), _, _ in said], pa.int64())).combine_chunks()
    for name, column in columns.items():
        rows = rows.append_column(name, column)
    return rows
