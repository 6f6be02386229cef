"""Verdicts per second of the GSM8K and MATH verifiers, beside verl's own reward functions on the same responses.

    python benchmarks/bench_maths.py

Processor time counts, of this process and those it started, so that the rates are those of one core and other work on
the machine matters less. Every case is judged once before the clock starts: sympy remembers what it has seen.
`bench_verdicts.py` has every task at a glance, and the hostile texts that take longest.
"""

import contextlib
import io
from collections.abc import Callable

import psutil
from rich.console import Console
from rich.table import Table
from verl.utils.reward_score import gsm8k as verl_gsm8k
from verl.utils.reward_score import math_reward as verl_math
from verl.utils.reward_score import math_verify as verl_math_verify

from verl_reflect.reward import compute_score

THOUGHT = "Let me write this as an equation first, since the numbers are too many to keep in mind at once. " * 25
SECONDS = 1.0
"""Processor time for which each scorer is timed, at the least."""

Case = tuple[str, str]
Scorer = Callable[[str, str], object]

NUMBERS: dict[str, list[Case]] = {
    "number, right": [(f"{THOUGHT}\n#### {n}", str(n)) for n in range(1000, 1100)],
    "number, wrong": [(f"{THOUGHT}\n#### {n + 1}", str(n)) for n in range(1000, 1100)],
}
EXPRESSIONS: dict[str, list[Case]] = {
    "same spelling": [(rf"{THOUGHT}\boxed{{\frac{{{n}}}{{7}}}}", rf"\dfrac{{{n}}}{{7}}") for n in range(100, 150)],
    "another form": [(rf"{THOUGHT}\boxed{{{n} + \sqrt{{2}}}}", rf"\sqrt{{2}} + {n}") for n in range(100, 150)],
    "wrong": [(rf"{THOUGHT}\boxed{{{n}}}", rf"\frac{{{n}}}{{7}}") for n in range(100, 150)],
}


def ours(data_source: str) -> Scorer:
    return lambda response, truth: compute_score(data_source, response, truth)


def processor_seconds() -> float:
    this = psutil.Process()
    times = [process.cpu_times() for process in (this, *this.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def verdicts_per_second(scorer: Scorer, cases: list[Case]) -> float:
    with contextlib.redirect_stdout(io.StringIO()):  # verl's print
        for case in cases:
            scorer(*case)
        done, rounds, start = 0, 1, processor_seconds()
        while (elapsed := processor_seconds() - start) < SECONDS:
            for response, truth in cases * rounds:
                scorer(response, truth)
            done += len(cases) * rounds
            rounds *= 2  # reading the clock takes longer than some verdicts
    return done / elapsed


def main() -> None:
    table = Table("response", "ours, 1/s", "verl's", "1/s", "ratio")
    rivals: list[tuple[str, dict[str, list[Case]], list[tuple[str, Scorer]]]] = [
        ("gsm8k", NUMBERS, [("gsm8k", verl_gsm8k.compute_score)]),
        (
            "math",
            EXPRESSIONS,
            [
                ("math_reward", lambda response, truth: verl_math.compute_score(response, truth)),
                ("math_verify", lambda response, truth: verl_math_verify.compute_score(response, truth)),
            ],
        ),
    ]
    for source, kinds, theirs in rivals:
        for kind, cases in kinds.items():
            our_rate = verdicts_per_second(ours(source), cases)
            for name, scorer in theirs:
                rate = verdicts_per_second(scorer, cases)
                table.add_row(f"{source}: {kind}", f"{our_rate:,.0f}", name, f"{rate:,.0f}", f"{our_rate / rate:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
