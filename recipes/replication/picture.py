"""The picture of the replication: second tries at the same failures, by what was trained and who retries."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipes.replication.findings import START, Findings, Setting

SHOWN = (
    ("the start", START, "after_reflection", "#555555", "o"),
    ("reflections trained on shuffled rewards", "shuffled", "after_reflection", "#999999", "s"),
    ("reflections trained (the method)", "method", "after_reflection", "#0072b2", "o"),
    ("the start, after reflections of the method", "method", "start_retries", "#56b4e9", "D"),
    ("the method, without reflecting", "method", "blind_retry", "#d55e00", "^"),
    ("one fresh try of the method", "method", "fresh@1", "#e69f00", "v"),
)
"""Label, what was trained, measure, colour (colour-blind safe) and mark."""


def draw(findings: Findings, path: Path) -> None:
    """One panel for each task and architecture, small models; bars are intervals over seeds."""
    shown = findings.settings("small")
    figure = Figure(figsize=(8, 5.2), layout="constrained")
    for axes, setting in zip(figure.subplots(2, len(shown) // 2, sharex=True).flat, shown, strict=True):
        _panel(axes, findings, setting)
    for axes in figure.axes[-2:]:
        axes.set_xlabel("second tries that pass, %")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(path, dpi=150)


def _panel(axes: Axes, findings: Findings, setting: Setting) -> None:
    for place, (label, trained, measure, colour, mark) in enumerate(reversed(SHOWN)):
        share = findings.share(setting, trained, measure)
        value, low, high = (100 * part for part in (share.value, share.low, share.high))
        axes.errorbar(value, place, xerr=[[value - low], [high - value]], fmt=mark, color=colour, label=label)
    axes.set(title=setting.label, yticks=[], xlim=(0, 100))
    axes.spines[["top", "right", "left"]].set_visible(False)
