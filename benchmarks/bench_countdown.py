"""Verdicts per second of the Countdown verifier, beside reasoning-gym's scorer where that is installed.

    python benchmarks/bench_countdown.py

Our verifier reads the whole response; reasoning-gym's is given the bare answer, because it does not look for one.
`bench_verdicts.py` has every task at a glance, and Countdown's answers in LaTeX.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

from rich.console import Console
from rich.table import Table

from verl_reflect.data.puzzles import PuzzleRanges, distinct_puzzles
from verl_reflect.reward import compute_score

PUZZLES = list(distinct_puzzles(100, seed=0, ranges=PuzzleRanges()))
THOUGHT = "Let me try the numbers in another order, since the last sum was too large to be of use here. " * 25
SECONDS = 1.0
"""How long each scorer is timed, at the least."""

ANSWERS: dict[str, list[str]] = {
    "right": [puzzle.gold for puzzle in PUZZLES],
    "misses the target": [" + ".join(map(str, puzzle.numbers)) for puzzle in PUZZLES],
    "wrong numbers": [f"{puzzle.gold} + 1" for puzzle in PUZZLES],
    "not an equation": ["there is no way to do this"] * len(PUZZLES),
}


def ours(answers: Iterable[str]) -> None:
    for puzzle, answer in zip(PUZZLES, answers, strict=True):
        truth = {"target": puzzle.target, "numbers": puzzle.numbers}
        compute_score("countdown", rf"{THOUGHT}\boxed{{{answer}}}", truth)


def reasoning_gym_scorer() -> Callable[[Iterable[str]], None] | None:
    """The same work for reasoning-gym's scorer; None where it is not installed."""
    try:
        from reasoning_gym import create_dataset
    except ImportError:
        return None
    dataset: Any = create_dataset("countdown", seed=0, size=1)

    def score(answers: Iterable[str]) -> None:
        for puzzle, answer in zip(PUZZLES, answers, strict=True):
            metadata = {"numbers": list(puzzle.numbers), "target": puzzle.target}
            dataset.score_answer(answer, {"answer": puzzle.gold, "metadata": metadata})

    return score


def verdicts_per_second(scorer: Callable[[Iterable[str]], None], answers: list[str]) -> float:
    scorer(answers)
    done = 0
    start = time.perf_counter()
    while (elapsed := time.perf_counter() - start) < SECONDS:
        scorer(answers)
        done += len(answers)
    return done / elapsed


def main() -> None:
    theirs = reasoning_gym_scorer()
    table = Table("response", "verl-reflect, verdicts/s", "reasoning-gym, verdicts/s", "ratio")
    for kind, answers in ANSWERS.items():
        our_rate = verdicts_per_second(ours, answers)
        if theirs is None:
            table.add_row(kind, f"{our_rate:,.0f}", "not installed", "-")
            continue
        their_rate = verdicts_per_second(theirs, answers)
        table.add_row(kind, f"{our_rate:,.0f}", f"{their_rate:,.0f}", f"{our_rate / their_rate:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
