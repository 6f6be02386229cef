"""The picture of a training: accuracies at each validation, with 95 % bands."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from verl_reflect.toy.measures import BLIND, FIRST_TRY, REFLECT
from verl_reflect.toy.training import ToyTraining

STYLE = {REFLECT: ("#0072b2", "-"), BLIND: ("#d55e00", "--"), FIRST_TRY: ("#555555", ":")}  # colour-blind safe


def draw_curves(trainings: Sequence[ToyTraining], path: Path) -> Path:
    """Draw all measures of one or several trainings (one thin line each) and return the picture's path."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for number, training in enumerate(trainings):
        steps = [*range(0, training.steps, training.validate_every), training.steps]
        validations = [training.validation(step) for step in steps]
        for measure, (colour, line) in STYLE.items():
            rates = [measure.rate(validation) for validation in validations]
            label = measure.name if number == 0 else None
            axes.plot(steps, [100 * r.value for r in rates], line, color=colour, marker="o", ms=4, label=label)
            low, high = [100 * r.low for r in rates], [100 * r.high for r in rates]
            axes.fill_between(steps, low, high, color=colour, alpha=0.12, linewidth=0)
    axes.set(xlabel="training step", ylabel="success on held-out items, %", ylim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left")
    figure.savefig(path, dpi=150)
    return path
