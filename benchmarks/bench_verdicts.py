"""Verdicts per second and core of every task: plain answers, and the hostile text that takes longest.

    python benchmarks/bench_verdicts.py

Processor time counts, of this process and of math-verify's, and the median of a few rounds: other work on the machine
matters less then. Every case is judged once before the clock starts, as in training a row is judged for its whole
group. MATH has no goal: what goes to math-verify costs what sympy costs.

Of each hostile text (`tasks/hostile.py`) the fastest of a few verdicts counts; `check-task` allows 50 ms.

Last, the judge's own part: a verifier that waits, as one in a sandbox does, on one node with 16 judging processes,
their start counted; and what a verdict that takes no time costs by its way to the process and back.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

import psutil
from rich.console import Console
from rich.table import Table

from verl_reflect.data.puzzles import PuzzleRanges, distinct_puzzles
from verl_reflect.reward import compute_score
from verl_reflect.rollout.judge import Judge
from verl_reflect.rollout.reward_function import RewardFunction
from verl_reflect.tasks.calls.call_text import hermes
from verl_reflect.tasks.hostile import responses

ROUNDS = 5
SECONDS = 0.4
"""Processor time of a round, at the least."""

TRIES = 6
QUICK_MS = 1.0
"""A hostile text that takes no longer is not tried again."""

THOUGHT = (
    "<think>\n" + "Let me try the numbers in another order, since the last sum was too large. " * 30 + "\n</think>\n"
)


WAITING, WAIT_SECONDS, PROCESSES, WAIT_GOAL = 256, 0.2, 16, 5.0
"""Verdicts that wait, how long each, in how many processes, and the seconds that all may take."""

AT_ONCE = 64
"""Sessions that ask for verdicts that take no time."""

WAITS = """
import time

def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    time.sleep(float(solution_str))
    return 1.0
"""


class Case(NamedTuple):
    """One verdict to ask for."""

    response: str
    ground_truth: object


class Kind(NamedTuple):
    """Cases of one kind, all of one task."""

    source: str
    name: str
    goal: int | None
    """Verdicts a second and core, None where there is none."""
    cases: Sequence[Case]


def countdown() -> Iterator[Kind]:
    puzzles = list(distinct_puzzles(100, seed=0, ranges=PuzzleRanges()))
    truths = [json.dumps({"target": puzzle.target, "numbers": puzzle.numbers}) for puzzle in puzzles]
    for name, answers in {
        "right": [puzzle.gold for puzzle in puzzles],
        "right, in LaTeX": [puzzle.gold.replace("*", r"\times").replace("/", r"\div") for puzzle in puzzles],
        "misses the target": [" + ".join(map(str, puzzle.numbers)) for puzzle in puzzles],
        "words": ["there is no way to do this"] * len(puzzles),
    }.items():
        yield Kind("countdown", name, 20_000, _boxed(answers, truths))


def calls() -> Iterator[Kind]:
    made = [("get_weather", {"city": f"Town {day}", "days": day, "units": "metric"}) for day in range(100)]
    truths = [json.dumps({"answers": [{"name": name, "arguments": arguments}]}) for name, arguments in made]
    for kind, answers in {
        "right": [hermes([call]) for call in made],
        "a wrong value": [hermes([(name, {**arguments, "days": -1})]) for name, arguments in made],
        "prose": ["I would look the weather up, but I do not know the town that is meant. " * 3] * len(made),
    }.items():
        yield Kind("function_calling", kind, 10_000, _after_thought(answers, truths))


def bfcl() -> Iterator[Kind]:
    fields = {"city": {"type": "string"}, "days": {"type": "integer"}}
    function = {"name": "get_weather", "parameters": {"properties": fields, "required": ["city"]}}
    truth = {"category": "simple_python", "functions": [function]}
    answers = [{"get_weather": {"city": [f"Town {day}"], "days": [day]}} for day in range(100)]
    truths = [json.dumps({**truth, "possible_answer": [answer]}) for answer in answers]
    python = [f"[get_weather(city='Town {day}', days={day})]" for day in range(100)]
    yield Kind("bfcl", "right, in Python", 10_000, _after_thought(python, truths))
    none = json.dumps({**truth, "category": "irrelevance", "possible_answer": []})
    prose = ["None of these functions can book a table. " * 5] * 100
    yield Kind("bfcl", "no call wanted, prose", 10_000, _after_thought(prose, [none] * 100))


def gsm8k() -> Iterator[Kind]:
    truths = [str(number) for number in range(1000, 1100)]
    for kind, answers in {
        "right": truths,
        "right, with a unit": [rf"\${number}.00 \text{{ dollars}}" for number in truths],
        "another number": [f"{number}5" for number in truths],
    }.items():
        yield Kind("gsm8k", kind, 20_000, _boxed(answers, truths))
    yield Kind("gsm8k", "right, after ####", 20_000, _after_thought([f"#### {number}" for number in truths], truths))


def maths() -> Iterator[Kind]:
    truths = [rf"\frac{{{number}}}{{7}}" for number in range(100, 150)]
    for kind, answers in {
        "same spelling": [truth.replace("frac", "dfrac") for truth in truths],
        "another form": [f"{number}/7" for number in range(100, 150)],
        "another number": [str(number) for number in range(100, 150)],
    }.items():
        yield Kind("math", kind, None, _boxed(answers, truths))
    sums = [rf"\sqrt{{2}} + {number}" for number in range(100, 150)]
    yield Kind("math", "terms in another order", None, _boxed([f"{s[11:]} + {s[:8]}" for s in sums], sums))


def _boxed(answers: Sequence[str], truths: Sequence[object]) -> list[Case]:
    return _after_thought([rf"So it is \boxed{{{answer}}}." for answer in answers], truths)


def _after_thought(responses: Sequence[str], truths: Sequence[object]) -> list[Case]:
    return [Case(THOUGHT + response, truth) for response, truth in zip(responses, truths, strict=True)]


def processor_seconds() -> float:
    this = psutil.Process()
    times = [process.cpu_times() for process in (this, *this.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def judge(source: str, cases: Sequence[Case]) -> None:
    for response, truth in cases:
        compute_score(source, response, truth)


def rate(kind: Kind) -> float:
    """Verdicts per second of processor time."""
    judge(kind.source, kind.cases)
    return statistics.median(_round(kind) for _ in range(ROUNDS))


def _round(kind: Kind) -> float:
    done, times, start = 0, 1, processor_seconds()
    while (elapsed := processor_seconds() - start) < SECONDS:
        for _ in range(times):
            judge(kind.source, kind.cases)
        done += times * len(kind.cases)
        times *= 2  # reading the clock takes longer than some verdicts
    return done / elapsed


def slowest(source: str, gold: Case) -> tuple[float, str]:
    """Milliseconds of the slowest hostile text, and its name."""
    return max((_fastest(source, Case(text, gold.ground_truth)), name) for name, text in responses(gold.response))


def _fastest(source: str, case: Case) -> float:
    """Milliseconds. Other work on the machine only ever adds, so what seems slow is tried again."""
    milliseconds = float("inf")
    for _ in range(TRIES):
        milliseconds = min(milliseconds, 1000 * _seconds(source, case))
        if milliseconds < QUICK_MS:
            break
    return milliseconds


def _seconds(source: str, case: Case) -> float:
    start = time.perf_counter()
    judge(source, [case])
    return time.perf_counter() - start


async def _all_judged(judge: Judge, seconds: float, times: int) -> float:
    """Seconds until they are."""
    start = time.perf_counter()
    row = {"data_source": "", "ground_truth": None, "extra_info": None}
    verdicts = await asyncio.gather(*(judge(str(seconds), **row) for _ in range(times)))
    assert all(verdict.passed for verdict in verdicts)
    return time.perf_counter() - start


def waiting_seconds(path: str) -> float:
    """For all verdicts that wait."""
    with closing(Judge(RewardFunction(path), 1.0, 60.0, PROCESSES)) as judge:
        return asyncio.run(_all_judged(judge, WAIT_SECONDS, WAITING))


def way_microseconds(path: str) -> float:
    """Processor time, both processes', of a verdict that takes no time itself: the median of a few rounds."""

    async def rounds() -> list[float]:
        spent = []
        for _ in range(ROUNDS):
            start = processor_seconds()
            for _ in range(20):
                await _all_judged(judge, 0.0, AT_ONCE)
            spent.append((processor_seconds() - start) / (20 * AT_ONCE))
        return spent

    with closing(Judge(RewardFunction(path), 1.0, 60.0)) as judge:
        return 1e6 * statistics.median(asyncio.run(rounds()))


def judges() -> Table:
    table = Table("the judge", "measured", "goal")
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(WAITS)
        file.flush()
        name = f"{WAITING} verdicts of {WAIT_SECONDS} s, {PROCESSES} processes"
        table.add_row(name, f"{waiting_seconds(file.name):.1f} s", f"{WAIT_GOAL:g} s")
        table.add_row("a verdict's way there and back", f"{way_microseconds(file.name):.0f} µs", "-")
    return table


def main() -> None:
    table = Table("task", "answer", "verdicts/s and core", "goal")
    hostile = Table("task", "slowest hostile text, ms", "which")
    for kinds in map(list, (countdown(), calls(), bfcl(), gsm8k(), maths())):
        for kind in kinds:
            goal = f"{kind.goal:,}" if kind.goal else "-"
            table.add_row(kind.source, kind.name, f"{rate(kind):,.0f}", goal)
        milliseconds, name = slowest(kinds[0].source, kinds[0].cases[0])
        hostile.add_row(kinds[0].source, f"{milliseconds:.1f}", name)
    Console().print(table, hostile, judges())


if __name__ == "__main__":
    main()
