"""The tables of docs/performance.md, and their numbers as JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recipes.clone import write_section
from recipes.race.lap import PARTS
from verl_reflect.records.markdown import markdown_table

PAGE = "performance.md"
LABELS = {
    "trl": "TRL, the retry in its reward function",
    "single_turn": "stock verl, a single turn",
    "transcripts": "stock verl, whole transcripts",
    "reflect": "verl-reflect",
    "reflect_one_forward": "verl-reflect, one forward pass",
}
PART_LABELS = {
    "gen": "generation",
    "old_log_prob": "old log-probabilities",
    "adv": "advantages",
    "update_actor": "update",
    "update_weights": "weights to vLLM",
}

Results = Mapping[str, Mapping[str, Any]]
"""By contestant, the medians of a Lap's fields."""


def times(results: Results) -> str:
    """A row a contestant; steps also as a ratio to verl-reflect in the same race."""
    header = ("", "seconds a step", "against verl-reflect", "tokens a second", "launch, s", "peak memory, GB", "load")
    ours = results["reflect"]["step"] if "reflect" in results else None
    return markdown_table(header, [_times(LABELS[name], lap, ours) for name, lap in results.items()])


def _times(label: str, lap: Mapping[str, Any], ours: float | None) -> tuple[str, ...]:
    return (
        label,
        f"{lap['step']:.2f}",
        f"{lap['step'] / ours:.2f}" if ours else "",
        f"{lap['tokens_a_second']:,.0f}",
        f"{lap['launch']:.0f}",
        f"{lap['peak_bytes'] / 1e9:.1f}",
        f"{lap['load']:.1f}",
    )


def parts(results: Results) -> str:
    """Where a step on verl goes, in seconds."""
    shown = {name: lap for name, lap in results.items() if lap["parts"]}
    rows = [
        (PART_LABELS[part], *(_seconds(lap["parts"].get(part)) for lap in shown.values()))
        for part in PARTS
        if any(part in lap["parts"] for lap in shown.values())
    ]
    return markdown_table(("seconds a step", *(LABELS[name] for name in shown)), rows)


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def processes(results: Results, field: str, what: str) -> str:
    """Processor time by process, the most first: a column a contestant."""
    names = {name for lap in results.values() for name in lap[field]}
    most = {name: max(lap[field].get(name, 0.0) for lap in results.values()) for name in names}
    shown = sorted((name for name in names if round(most[name]) >= 1), key=lambda name: -most[name])
    rows = [(name, *(f"{lap[field].get(name, 0.0):.0f}" for lap in results.values())) for name in shown]
    total = ("in all", *(f"{sum(lap[field].values()):.0f}" for lap in results.values()))
    return markdown_table((what, *(LABELS[name] for name in results)), [*rows, total])


def publish(results: Results, name: str, docs: Path) -> None:
    """Write a race's tables into its sections of the page, and its numbers into `docs/performance.json`.

    Raises ValueError if the page has no such section.
    """
    page = docs / PAGE
    write_section(page, f"{name} times", f"\n{times(results)}\n")
    write_section(page, f"{name} parts", f"\n{parts(results)}\n")
    launch = processes(results, "launch_seconds", "processor seconds of a launch")
    write_section(page, f"{name} launch", f"\n{launch}\n")
    session = processes(results, "session_milliseconds", "processor milliseconds a session")
    write_section(page, f"{name} sessions", f"\n{session}\n")
    path = docs / "performance.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**known, name: results}, indent=1) + "\n", encoding="utf-8")
