"""The picture of a training: accuracies at each validation, with 95 % bands."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from verl_reflect.demo.accuracies import BLIND, FIRST_TRY, REFLECT, ToyAccuracy
from verl_reflect.demo.training import ToyTraining
from verl_reflect.records.whole_file import make_whole

STYLE = {REFLECT: ("#0072b2", "-"), BLIND: ("#d55e00", "--"), FIRST_TRY: ("#555555", "-.")}  # colour-blind safe


CONTROL_STYLE = ("#0072b2", ":")


def draw_curves(trainings: Sequence[ToyTraining], path: Path, controls: Sequence[ToyTraining] = ()) -> Path:
    """Draw all measures of each training, and the second try of each control, and return the picture's path."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for training in trainings:
        for measure, style in STYLE.items():
            _draw(axes, training, measure, style, measure.name)
    for control in controls:
        _draw(axes, control, REFLECT, CONTROL_STYLE, "second try after reflecting, shuffled rewards")
    axes.set(xlabel="training step", ylabel="success on held-out items, %", ylim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))  # one entry, however many seeds
    axes.legend(once.values(), once.keys(), frameon=False, loc="upper left")
    make_whole(path, lambda hidden: figure.savefig(hidden, format="png", dpi=150))
    return path


def _draw(axes: Axes, training: ToyTraining, measure: ToyAccuracy, style: tuple[str, str], label: str) -> None:
    steps = [*range(0, training.steps, training.validate_every), training.steps]
    rates = [measure.rate(training.validation(step)) for step in steps]
    colour, line = style
    axes.plot(steps, [100 * rate.value for rate in rates], line, color=colour, marker="o", ms=4, label=label)
    low, high = [100 * rate.low for rate in rates], [100 * rate.high for rate in rates]
    axes.fill_between(steps, low, high, color=colour, alpha=0.12, linewidth=0)
