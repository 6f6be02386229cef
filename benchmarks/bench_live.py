"""How much longer is a step whose failures the model makes itself than one that takes them from the data? Simulated.

    python benchmarks/bench_live.py [--json FILE]

Our replay buffer, manager and agent loops choose 256 groups of 8 sessions, on 8 workers and 8 model servers, in virtual
time; what stands in for the rest, and the model of the servers' speed, is in simulated_step.py. For each pass rate at
the first attempt:

    time_ratio      seconds of the generation phase, to those of the same phase with data-set failures
    attempts_ratio  first attempts made, to those that 256 failures take on average
    largest_share   groups of the busiest worker, to the mean

The means of the steps after the first. The first one, which knows no pass rate yet, is in the table alone. Nothing is
drawn but from the seed, so two runs say the same.
"""

import argparse
import gc
import json
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table
from simulated_step import Model, Simulation, composed

GROUPS, SESSIONS = 256, 8
PASS_RATES = (0.3, 0.6, 0.9)
STEPS = 3
GOALS = {0.3: 1.5, 0.6: 1.5, 0.9: 2.5}
"""The longest time_ratio. The attempts may be 1.6 times, the largest share 1.2 times the mean, at every pass rate."""


class Step(NamedTuple):
    """One simulated step."""

    seconds: float
    attempts_ratio: float
    largest_share: float
    longest_chain: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    figures = measure(GROUPS, SESSIONS, STEPS)
    Console().print(table(figures))
    if options.json:
        options.json.write_text(json.dumps({str(rate): ratios(*steps) for rate, steps in figures.items()}, indent=2))


def measure(groups: int, sessions: int, steps: int) -> dict[float, tuple[float, list[Step]]]:
    """For each pass rate: seconds with data-set failures, and the steps with live attempts."""
    gc.freeze()  # what was imported is not looked through again and again
    size = (f"data.train_batch_size={groups}", f"actor_rollout_ref.rollout.n={sessions}")
    live = composed(*size, "reflect.first_attempt=live")
    jobs = [(live, rate, steps) for rate in reversed(PASS_RATES)]  # the longest first
    with get_context("fork").Pool(2) as pool:
        *found, stored = pool.starmap(simulated, [*jobs, (composed(*size), 0.0, steps - 1)], chunksize=1)
    seconds = fmean(step.seconds for step in stored)
    return {rate: (seconds, of_rate) for (_, rate, _), of_rate in reversed(list(zip(jobs, found, strict=True)))}


def simulated(config: DictConfig, pass_rate: float, steps: int) -> list[Step]:
    """So many steps, one after another."""
    simulation = Simulation(config, Model(pass_rate))
    needed = config.data.train_batch_size / (1 - pass_rate)
    done = []
    for _ in range(steps):
        seconds, _, metrics = simulation.step()
        attempts = metrics.get("reflect/attempts_made", 0.0)
        chain = metrics.get("reflect/longest_attempt_chain", 0.0)
        done.append(Step(seconds, attempts / needed, metrics["reflect/largest_worker_share"], chain))
    simulation.close()
    return done


def ratios(stored: float, steps: list[Step]) -> dict[str, float]:
    """The three figures of a pass rate, in the steps after the first."""
    warm = steps[1:]
    return {
        "time_ratio": round(fmean(step.seconds for step in warm) / stored, 3),
        "attempts_ratio": round(fmean(step.attempts_ratio for step in warm), 3),
        "largest_share": round(max(step.largest_share for step in warm), 3),
    }


def table(figures: dict[float, tuple[float, list[Step]]]) -> Table:
    """A row for each pass rate."""
    shown = Table(
        *("rate", "data s", "live s", "time", "goal", "attempts", "share", "chain"),
        *("1st: time", "attempts", "chain"),
    )
    for rate, (stored, steps) in figures.items():
        found, first = ratios(stored, steps), steps[0]
        shown.add_row(
            *(f"{rate}", f"{stored:.1f}", f"{fmean(step.seconds for step in steps[1:]):.1f}"),
            *(f"{found['time_ratio']:.2f}", f"{GOALS[rate]}", f"{found['attempts_ratio']:.2f}"),
            *(f"{found['largest_share']:.2f}", f"{max(step.longest_chain for step in steps[1:]):.0f}"),
            *(f"{first.seconds / stored:.2f}", f"{first.attempts_ratio:.2f}", f"{first.longest_chain:.0f}"),
        )
    return shown


if __name__ == "__main__":
    main()
