"""How much does `reflect.retries_per_reflection=k` calm the reward? Measured with the tiny model and verl's server.

Eight reflections on each of 50 failures, 16 retries after each. The reward of a reflection is the share of its k
retries that pass; what GRPO learns from is how it differs from the others of its group. So, within groups:

    variance of the reward = variance of the reflections' true success rates + noise / k

where noise is the mean of p (1 - p) over reflections. Both terms are estimated from the 16 retries without bias. The
last column says what a training step costs in generated tokens, for the same number of reflections.
"""

import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import fmean, variance

from rich.console import Console
from rich.table import Table

from verl_reflect.demo.command import follow
from verl_reflect.demo.data import CHECKPOINT, make_data
from verl_reflect.demo.training import ToyTraining

FAILURES, REFLECTIONS, RETRIES = 50, 8, 16


def main() -> None:
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        make_data(Path(folder) / "data", CHECKPOINT, held_out=FAILURES, second_tries=["reflect"], seed=0)
        overrides = (
            *("trainer.val_only=True", "trainer.total_training_steps=1"),
            f"actor_rollout_ref.rollout.val_kwargs.n={REFLECTIONS}",
            f"reflect.retries_per_reflection={RETRIES}",
        )
        run = ToyTraining(Path(folder), Path(folder) / "data", CHECKPOINT, 1, 0, -1, overrides)
        follow(run, console)
        lines = [line for line in run.validation(0) if line.data_source == "countdown/reflect"]
    shares, reflection_tokens, retry_tokens = defaultdict(list), [], []
    for line in lines:
        shares[line.index].append(line.second_try)
        reflection_tokens.append(line.number("reflection_tokens"))
        retry_tokens.append(line.number("retry_tokens") / RETRIES)
    noise = fmean(p * (1 - p) for group in shares.values() for p in group) * RETRIES / (RETRIES - 1)
    signal = max(0.0, fmean(variance(group) for group in shares.values()) - noise / RETRIES)
    console.print(table(signal, noise, fmean(reflection_tokens), fmean(retry_tokens)))


def table(signal: float, noise: float, reflection: float, retry: float) -> Table:
    """One row for each k: `signal` and `noise` are variances, the others mean tokens of a turn."""
    shown = Table("k", "variance", "of it signal", "of it noise", "noise, %", "correlation with p", "tokens, relative")
    for k in (1, 2, 4, 8, 16):
        total = signal + noise / k
        cost = (reflection + k * retry) / (reflection + retry)
        cells = (total, signal, noise / k)
        shown.add_row(
            str(k),
            *(f"{cell:.4f}" for cell in cells),
            f"{100 * noise / k / total:.0f}",
            f"{(signal / total) ** 0.5:.2f}",
            f"{cost:.2f}",
        )
    return shown


if __name__ == "__main__":
    main()
