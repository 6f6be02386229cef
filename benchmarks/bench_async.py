"""How long is a step under verl's asynchronous trainers, beside the synchronous one? Simulated, on as many GPUs.

    python benchmarks/bench_async.py [--json FILE]

Our replay buffers, manager and agent loops choose 128 groups of 8 sessions in virtual time; what stands in for the
rest, and the model of the servers' speed, is in simulated_step.py. Of 8 GPUs, `sync` and `colocate_async` use all to
generate and then all to train; `separate_async` generates on 4 while it trains on the other 4, which takes twice as
long, and makes 4 updates of a step. One batch is handed out in advance, verl's default. For each case:

    s        seconds of a step
    ratio    to those of `sync`
    spans    weights that a session's turns were written under, on average
    old      steps that the oldest of them lag behind, on average

`as they come` is `colocate_async` with groups in the order of their arrival, as verl's own buffer takes them: what the
order of dispatch costs. The means of steps 3 to 8. Nothing is drawn but from the seed, so two runs say the same. Takes
three minutes of a core.
"""

import argparse
import gc
import json
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from simulated_step import Lengths, Model, Simulation, composed

from verl_reflect.training.dispatch import DISPATCH
from verl_reflect.training.live import Look
from verl_reflect.training.queue import Seen
from verl_reflect.training.replay_buffer import ChoosingReplayBuffer, ReflectReplayBufferAsync

GROUPS, SESSIONS, GPUS = 128, 8, 8
STEPS, COLD = 8, 2
UPDATES = (5.0, 20.0)
"""Seconds that 8 GPUs take for the update."""
TAILS = {"short tail": 0.5, "long tail": 1.0}
"""Sigma of the lengths of turns (simulated_step.py)."""
PASS_RATE = 0.6
"""At the first attempt, where that is live."""


class AsTheyCome(ReflectReplayBufferAsync):
    """Takes whatever is ready, the older dispatch first, as verl's own buffer does."""

    def choose(self, seen: Seen) -> Look:
        look = DISPATCH.line.look(seen, self._batch_size)
        ready = sorted(seen.ready, key=lambda uid: (self.prompt_global_steps["train"][uid], uid))
        batch = frozenset(ready[: self._batch_size])
        return replace(look, batch=batch if len(batch) == self._batch_size else None)


class Case(NamedTuple):
    """A row of the table."""

    first_attempt: str
    tail: str
    update: float


class Figures(NamedTuple):
    """Of one way to train in one case."""

    seconds: float
    spans: float
    old: float


WAYS: dict[str, tuple[str, type[ChoosingReplayBuffer] | None]] = {
    "sync": ("sync", None),
    "colocate_async": ("colocate_async", None),
    "separate_async": ("separate_async", None),
    "as they come": ("colocate_async", AsTheyCome),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    found = measure(GROUPS, STEPS)
    Console().print(table(found))
    if options.json:
        lines = [{**case._asdict(), "way": way, **figures._asdict()} for (case, way), figures in found.items()]
        options.json.write_text(json.dumps(lines, indent=2))


def measure(groups: int, steps: int) -> dict[tuple[Case, str], Figures]:
    """All figures, by case and way."""
    gc.freeze()  # what was imported is not looked through again and again
    cases = [Case(first, tail, update) for first in ("dataset", "live") for tail in TAILS for update in UPDATES]
    jobs = [(case, way) for case in cases for way in WAYS if way != "as they come" or case.first_attempt == "dataset"]
    with get_context("fork").Pool(2) as pool:
        found = pool.starmap(simulated, [(case, way, groups, steps) for case, way in jobs], chunksize=1)
    return dict(zip(jobs, found, strict=True))


def simulated(case: Case, way: str, groups: int, steps: int) -> Figures:
    """So many steps, one after another."""
    mode, buffer = WAYS[way]
    separate = mode == "separate_async"
    size = (f"data.train_batch_size={groups}", f"actor_rollout_ref.rollout.n={SESSIONS}")
    config = composed(*size, f"reflect.first_attempt={case.first_attempt}", f"trainer.v1.trainer_mode={mode}")
    simulation = Simulation(
        config,
        _model(case),
        replicas=GPUS // 2 if separate else GPUS,
        update=2 * case.update if separate else case.update,
        buffer=buffer,
    )
    warm = [simulation.step() for _ in range(steps)][COLD:]
    simulation.close()
    return Figures(fmean(seconds for seconds, _, _ in warm), *(_mean(warm, name) for name in ("spans", "staleness")))


def _model(case: Case) -> Model:
    sigma = TAILS[case.tail]
    return Model(PASS_RATE, attempt=Lengths(93, sigma), reflection=Lengths(103, sigma))


def _mean(steps: Sequence[tuple[float, list[int], dict[str, float]]], name: str) -> float:
    """Of what only asynchronous steps say."""
    default = 1.0 if name == "spans" else 0.0
    return fmean(metrics.get(f"reflect/session_{name}", default) for _, _, metrics in steps)


def table(found: dict[tuple[Case, str], Figures]) -> Table:
    """A row for each case and way."""
    shown = Table("first attempts", "turns", "update s", "trainer", "s", "ratio", "spans", "old")
    for (case, way), figures in found.items():
        ratio = figures.seconds / found[case, "sync"].seconds
        numbers = (f"{number:.2f}" for number in (ratio, figures.spans, figures.old))
        of_case = (case.first_attempt, case.tail, f"{case.update:g}")
        shown.add_row(*of_case, way, f"{figures.seconds:.1f}", *numbers, end_section=way == list(WAYS)[-1])
    return shown


if __name__ == "__main__":
    main()
