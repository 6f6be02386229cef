"""Verdicts per second of the two function calling tasks, beside the leaderboard's reader and checker.

    python benchmarks/bench_calls.py [FOLDER]      (the unpacked package bfcl-eval; see bfcl_checker)

Both read and judge the same text for the same rows, in turns within one run. Ours is timed through `compute_score`,
with the ground truth as the JSON text of a data set, which is prepared once for a row, and also as a mapping, which is
prepared each time. Without FOLDER only our function calling is timed, on calls made up here. `bench_verdicts.py` has
every task at a glance.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agree_bfcl import python_text
from bfcl_checker import Checker
from rich.console import Console
from rich.table import Table

from verl_reflect.data.bfcl import bfcl_records, data_folder
from verl_reflect.reward import compute_score
from verl_reflect.tasks.bfcl import ABSTAINING, Bfcl, gold_calls
from verl_reflect.tasks.calls.call_text import hermes

ROUNDS = 7
THOUGHT = "<think>\n" + "The user wants the weather in two towns, so two calls are needed, one for each town. " * 25
MADE_UP = [("get_weather", {"city": f"Town {number}", "days": number, "units": "metric"}) for number in range(200)]

Work = Callable[[], None]


def scorer(source: str, responses: list[str], truths: list[Any]) -> Work:
    def work() -> None:
        for response, truth in zip(responses, truths, strict=True):
            compute_score(source, response, truth)

    return work


def theirs(checker: Checker, responses: list[str], records: list[dict[str, Any]]) -> Work:
    def work() -> None:
        for response, record in zip(responses, records, strict=True):
            checker.accepts_text(response, record)

    return work


def rates(count: int, *works: Work) -> list[float]:
    """Verdicts per second of each work, the median over rounds in which they take turns."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for work, taken in zip(works, seconds, strict=True):
            start = time.process_time()
            work()
            taken.append(time.process_time() - start)
    return [count / statistics.median(taken) for taken in seconds]


def bench_made_up(console: Console) -> None:
    truths = [json.dumps({"answers": [{"name": name, "arguments": arguments}]}) for name, arguments in MADE_UP]
    table = Table("function calling, made-up calls", "verdicts/s and core")
    for kind, responses in {
        "Hermes": [hermes([call]) for call in MADE_UP],
        "Hermes after a thought of 2,000 characters": [f"{THOUGHT}</think>\n{hermes([call])}" for call in MADE_UP],
        "a wrong value": [hermes([(name, {**arguments, "days": -1})]) for name, arguments in MADE_UP],
        "prose": [THOUGHT.removeprefix("<think>")] * len(MADE_UP),
    }.items():
        (rate,) = rates(len(truths), scorer("function_calling", responses, truths))
        table.add_row(kind, f"{rate:,.0f}")
    console.print(table)


def bench_against_checker(console: Console, folder: Path) -> None:
    checker = Checker(folder)
    records = [record for record in bfcl_records(data_folder(str(folder))) if record["category"] not in ABSTAINING]
    truths = [
        {"category": r["category"], "functions": r["function"], "possible_answer": r["ground_truth"]} for r in records
    ]
    calls = [gold_calls(truth) for truth in truths]
    exact = [json.dumps({"answers": [{"name": name, "arguments": args} for name, args in row]}) for row in calls]
    table = Table("response to each of the leaderboard's rows", "ours, verdicts/s", "theirs, verdicts/s", "ratio")
    python = [python_text(row) for row in calls]
    wrong = [python_text([(f"{name}_", arguments) for name, arguments in row]) for row in calls]
    text_truths = [Bfcl().item(record).ground_truth for record in records]
    for kind, work in {
        "bfcl, Python, right": scorer("bfcl", python, text_truths),
        "bfcl, Python, wrong name": scorer("bfcl", wrong, text_truths),
        "bfcl, Hermes, right": scorer("bfcl", list(map(hermes, calls)), text_truths),
        "bfcl, Python, right, truth as a mapping": scorer("bfcl", python, truths),
        "bfcl, Python, wrong name, truth as a mapping": scorer("bfcl", wrong, truths),
        "function_calling, Hermes, right": scorer("function_calling", list(map(hermes, calls)), exact),
    }.items():
        same = wrong if "wrong" in kind else python
        our_rate, their_rate = rates(len(records), work, theirs(checker, same, records))
        table.add_row(kind, f"{our_rate:,.0f}", f"{their_rate:,.0f}", f"{our_rate / their_rate:.2f}")
    console.print(table)


def main() -> None:
    console = Console()
    bench_made_up(console)
    if len(sys.argv) > 1:
        bench_against_checker(console, Path(sys.argv[1]))


if __name__ == "__main__":
    main()
