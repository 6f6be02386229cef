"""Draws curves: one quiet style, colours that colour-blind readers can tell apart, lines that differ in print too.

Inside the page a plot is SVG whose colours are the page's, so that it follows light and dark. Beside it PNG and SVG
files can be had, on white.
"""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from verl_reflect.records.whole_file import make_whole
from verl_reflect.report.curves import Curve, Line
from verl_reflect.report.looks import DASHES, FAINT, INK, SERIES

MARKERS = ("o", "s", "^", "D", "v")
IN_PAGE = {INK: "var(--ink)", FAINT: "var(--rule)"} | {
    colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, start=1)
}
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica Neue", "Arial", "DejaVu Sans"],
    "font.size": 10.5,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "none",  # text stays text: it can be selected, and follows the page's font
    "svg.hashsalt": "verl-reflect",
}
WIDTH, HEIGHT = 4.6, 3.1  # inches: small enough that text stays readable on a phone
_ID = re.compile(r'(?<=id=")|(?<=href="#)|(?<=url\(#)')
_NO_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}


def draw(curve: Curve, labels: Sequence[str], top: float) -> Figure:
    """Draw a curve; a label has the same colour, dash and marker in every plot of a report."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        axes = figure.add_subplot()
        for line in curve.lines:
            if line.points:
                _draw_line(axes, line, labels.index(line.label) % len(SERIES), 100 if curve.share else 1)
        axes.set_xlabel("training step")
        axes.set_ylim(bottom=0, top=top if curve.share else None)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.grid(axis="y", color=FAINT, linewidth=0.6)
        axes.tick_params(length=0)
        axes.spines[["top", "right", "left"]].set_visible(False)
        return figure


def _draw_line(axes: Axes, line: Line, style: int, scale: int) -> None:
    steps, values, low, high = ([point[column] for point in line.points] for column in range(4))
    marker = MARKERS[style] if len(steps) <= 12 else ""
    colour, dash = SERIES[style], (0, DASHES[style] or None)
    [drawn] = axes.plot(steps, [scale * value for value in values], label=line.label, color=colour, linewidth=1.8)
    drawn.set(linestyle=dash, marker=marker, markersize=4.5)
    bottom, top = ([scale * value for value in edge] for edge in (low, high))
    axes.fill_between(steps, bottom, top, color=colour, alpha=0.15, linewidth=0)


def save(curve: Curve, labels: Sequence[str], top: float, folder: Path) -> list[Path]:
    """Write `<name>.png` and `<name>.svg`, with title and legend, and return their paths."""
    figure = draw(curve, labels, top)
    with matplotlib.rc_context(STYLE):
        axes = figure.axes[0]
        axes.set_title(f"{curve.title}\n{curve.about}, {curve.unit}", fontsize=10.5, loc="left")
        axes.legend(frameon=False, fontsize=9.5)
        paths = [folder / f"{curve.name}.{kind}" for kind in ("png", "svg")]
        make_whole(paths[0], lambda path: figure.savefig(path, format="png", dpi=200))
        make_whole(paths[1], lambda path: figure.savefig(path, format="svg", metadata=_NO_METADATA))
    return paths


def inline_svg(curve: Curve, labels: Sequence[str], top: float) -> str:
    """The plot as an SVG element: transparent, in the page's colours, with ids that no other plot has."""
    out = io.StringIO()
    with matplotlib.rc_context(STYLE):
        draw(curve, labels, top).savefig(out, format="svg", transparent=True, metadata=_NO_METADATA)
    svg = out.getvalue()
    svg = _ID.sub(f"{curve.name}-", svg[svg.index("<svg") :])
    for colour, variable in IN_PAGE.items():
        svg = svg.replace(colour, variable)
    return svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
