"""Agreement of our verdicts with the leaderboard's own checker, on every row of its Python categories.

    python benchmarks/agree_bfcl.py FOLDER [--outputs OUT.jsonl]      (the unpacked package bfcl-eval; see bfcl_checker)

Each row's gold calls and systematic corruptions of them are judged twice: as JSON in Hermes' format against the checker
alone, and in Python's syntax against its reader and checker. The package holds no outputs of models; with `--outputs`
those of `answer_bfcl.py` are judged instead, as text.
"""

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bfcl_checker import Checker
from rich.console import Console
from rich.table import Table

from verl_reflect.data.bfcl import bfcl_records, data_folder
from verl_reflect.tasks.bfcl import ABSTAINING, Bfcl, gold_calls
from verl_reflect.tasks.calls.bfcl_rules import OMITTED
from verl_reflect.tasks.calls.call_text import hermes, with_value, without_parameter, wrong_in_number_or_name

Calls = list[tuple[str, dict[str, Any]]]
Variant = tuple[str, Calls]

FOREIGN = (None, True, False, 0, 1, -3, 2.5, 1e300, 10**400, "", "no such value", [], [None], ["x"], [1], {}, {"no": 1})
"""Values of every type, tried for every parameter."""


def variants(truth: dict[str, Any], other: Calls) -> Iterator[Variant]:
    """The gold calls, and others close to them."""
    calls = gold_calls(truth)
    yield "gold", calls
    yield "order", calls[::-1]
    yield "number", []
    yield "another row's", other
    for wrong in wrong_in_number_or_name(calls):
        yield "name, number, extra", list(wrong)
    for index, (name, arguments) in enumerate(calls):
        yield "name", [*calls[:index], (name.replace(".", "_"), arguments), *calls[index + 1 :]]
        accepted = truth["possible_answer"][index][name]
        for key in arguments:
            yield "missing", list(without_parameter(calls, index, key))
        for key, values in accepted.items():
            for kind, value in values_near(values):
                yield kind, list(with_value(calls, index, key, value))


def values_near(accepted: list[Any]) -> Iterator[tuple[str, Any]]:
    """What is accepted, values near it, and values of other types."""
    for value in accepted:
        yield "accepted", value
        yield "accepted", with_first_values(value)
        for near in near_value(with_first_values(value)):
            yield "near", near
    for value in FOREIGN:
        yield "foreign", value


def with_first_values(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: next((item for item in values if item != OMITTED), OMITTED) for key, values in value.items()}
    return [with_first_values(item) for item in value] if isinstance(value, list) else value


def near_value(value: Any) -> Iterator[Any]:
    match value:
        case bool():
            yield from (not value, str(value), int(value))
        case int() | float():
            yield from (value + 1, -value, float(value), int(value), str(value), [value], bool(value))
        case str():
            yield from (f"{value}x", value.upper(), f" {value}. ", value[:-1], value.replace(" ", "-"), [value])
            yield value.replace("'", '"')
        case list():
            yield from (
                value[::-1],
                value[:-1],
                [*value, *value[:1]],
                [*value, None],
                tuple(value),
                str(value),
                [value],
            )
            yield from ([near, *value[1:]] for item in value[:1] for near in near_value(item))
        case dict():
            yield from ({**value, "no such": 1}, [value], str(value))
            for key, item in value.items():
                yield {other: value[other] for other in value if other != key}
                yield from ({**value, key: near} for near in near_value(item))


def python_text(calls: Calls) -> str:
    return f"[{', '.join(f'{name}({arguments_text(arguments)})' for name, arguments in calls)}]"


def arguments_text(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in arguments.items())


def is_json(value: Any) -> bool:
    """Whether JSON text gives the value back: it has no tuples."""
    if isinstance(value, tuple):
        return False
    return all(map(is_json, value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()))


class Tally:
    """Verdicts counted by category and syntax, and the disagreements."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self.disagreements: list[tuple[str, str, str, str]] = []

    def add(self, record: dict[str, Any], syntax: str, kind: str, ours: bool, theirs: bool, text: str) -> None:
        group = "gold" if kind == "gold" else "other"
        counts = self.counts[record["category"], f"{syntax}, {group}"]
        counts["judged"] += 1
        counts["both accept"] += ours and theirs
        counts["disagree"] += ours != theirs
        if ours != theirs:
            who = "only we accept" if ours else "only they accept"
            self.disagreements.append((record["id"], f"{syntax}, {kind}", who, text))

    def print(self, console: Console) -> None:
        table = Table("category", "syntax, calls", "judged", "both accept", "both reject", "disagree")
        for (category, group), counts in self.counts.items():
            rejected = counts["judged"] - counts["both accept"] - counts["disagree"]
            numbers = (counts["judged"], counts["both accept"], rejected, counts["disagree"])
            table.add_row(category, group, *(f"{number:,}" for number in numbers))
        console.print(table)
        for row, kind, who, text in self.disagreements:
            console.print(f"{row} ({kind}): {who}: {text[:300]}", markup=False, highlight=False, soft_wrap=True)


def compare(records: list[dict[str, Any]], checker: Checker) -> Tally:
    tally = Tally()
    other: Calls = []
    for record in records:
        item = Bfcl().item(record)
        truth = {"functions": record["function"], "possible_answer": record["ground_truth"]}
        if record["category"] in ABSTAINING:
            compare_abstaining(record, item.ground_truth, checker, tally)
            continue
        for kind, calls in variants(truth, other):
            compare_calls(record, item.ground_truth, kind, calls, checker, tally)
        other = gold_calls(truth)
    return tally


def compare_calls(record: dict[str, Any], truth: str, kind: str, calls: Calls, checker: Checker, tally: Tally) -> None:
    judge = Bfcl().judge
    if all(is_json(arguments) for _, arguments in calls):
        theirs = checker.accepts([{name: arguments} for name, arguments in calls], record)
        text = hermes(calls)
        tally.add(record, "JSON", kind, judge(text, truth).score == 1.0, theirs, text)
    text = python_text(calls)
    tally.add(record, "Python", kind, judge(text, truth).score == 1.0, checker.accepts_text(text, record), text)


def compare_abstaining(record: dict[str, Any], truth: str, checker: Checker, tally: Tally) -> None:
    name = record["function"][0]["name"] if record["function"] else "f"
    for text in ("", "[]", "None of these functions fits.", f"[{name}(a=1)]", f"{name}()", f"[{name}(a='x'), g()]"):
        ours = Bfcl().judge(text, truth).score == 1.0
        tally.add(record, "Python", "abstain", ours, checker.abstains(text), text)


def compare_outputs(records: list[dict[str, Any]], outputs: list[dict[str, str]], checker: Checker) -> Tally:
    """What a model said, read and judged by both."""
    tally, by_id = Tally(), {record["id"]: record for record in records}
    for output in outputs:
        record, text = by_id[output["id"]], output["text"]
        ours = Bfcl().judge(text, Bfcl().item(record).ground_truth).score == 1.0
        tally.add(record, "text", "a model's", ours, checker.accepts_text(text, record), text)
    return tally


def main() -> None:
    folder, *rest = sys.argv[1:]
    records, checker = list(bfcl_records(data_folder(folder))), Checker(Path(folder))
    if rest:
        outputs = [json.loads(line) for line in Path(rest[1]).read_text(encoding="utf-8").splitlines()]
        compare_outputs(records, outputs, checker).print(Console())
    else:
        compare(records, checker).print(Console())


if __name__ == "__main__":
    main()
