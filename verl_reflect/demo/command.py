"""`make demo`: the whole method on a laptop, from data to a table and a picture, with verl's unmodified trainer."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table

from verl_reflect.demo.accuracies import MEASURES, REFLECT
from verl_reflect.demo.curves import draw_curves
from verl_reflect.demo.data import CHECKPOINT, make_data
from verl_reflect.demo.training import ToyTraining
from verl_reflect.progress import progress
from verl_reflect.records.transcripts import Transcript

STEPS = 40
VALIDATE_EVERY = 20


def demo(out: Path, seed: int, console: Console) -> None:
    """Train the tiny model's reflections and show first and second tries before and after.

    What is shown comes from the folder, so a demo that is finished there is shown again in a moment.

    Raises:
        TrainingError: verl's trainer failed, or another training is in the folder.
        OSError: in one sentence, something cannot be written.
    """
    training = ToyTraining(out, out / "data", CHECKPOINT, seed, STEPS, VALIDATE_EVERY)
    if training.is_done:
        console.print(f"{out} holds this demo, finished: here it is again. For a new one remove {out}, or name another")
        console.print("folder or seed: verl-reflect demo --out FOLDER --seed NUMBER.")
    else:
        _train(training, console)
    console.print(table(training.validation(0), training.validation(STEPS)))
    console.print("Intervals at 95 %, same items before and after.")
    console.print(f"Curves: {draw_curves([training], out / 'curves.png')}")
    console.print(
        f"Every turn of every session: {out / 'rollout' / 'transcripts'}, {out / 'validation' / 'transcripts'}"
    )


def _train(training: ToyTraining, console: Console) -> None:
    started = time.monotonic()
    training.refuse_if_another_is_there()
    with progress("the tiny model attempts tasks; its failures become the data", console=console):
        make_data(training.data, CHECKPOINT, seed=0)
    console.print(f"Training with verl's trainer. Its log: {training.log}")
    follow(training, console)
    console.print(f"Done in {time.monotonic() - started:.0f} s.")


def follow(training: ToyTraining, console: Console) -> None:
    """Show a progress bar until the training ends."""
    with progress("starting Ray, FSDP and vLLM (a minute or two)", training.steps, console=console) as bar:
        for record in training.run():
            bar.update(record["step"], what=_description(record["data"]))


def _description(metrics: dict[str, Any]) -> str:
    if "reflect/second_try" not in metrics:
        return "training"
    return f"second try {100 * metrics['reflect/second_try']:3.0f} % of this step's failures"


def table(before: Sequence[Transcript], after: Sequence[Transcript]) -> Table:
    """First try, second try and the gain, in percent with 95 % intervals."""
    numbers = (Column(name, no_wrap=True) for name in ("before", "after", "Δ"))
    shown = Table("held out, %", *numbers, title="Reflections trained, nothing else", box=SIMPLE_HEAD, pad_edge=False)
    for measure in MEASURES:
        cells = (
            measure.rate(before).percent(),
            measure.rate(after).percent(),
            measure.gain(before, after).percent("+"),
        )
        shown.add_row(measure.name, *cells, style="bold" if measure is REFLECT else None)
    return shown
