"""Colours and dashes of the lines, the same in the plots and in the page's keys to them; and what draws the plots."""

from importlib.util import find_spec

INK, FAINT = "#222222", "#d9d9d9"
SERIES = ("#0072b2", "#d55e00", "#007a5a", "#9b4f96", "#6b6b6b")
DASHES = ((), (4.5, 2), (1.2, 1.8), (5, 2, 1.2, 2), (1.2, 4))
"""Lengths of line and gap, in line widths."""
SVG_DASHES = tuple(" ".join(f"{2.5 * each:g}" for each in dash) or "none" for dash in DASHES)
"""The same for the keys of the page, whose lines are 2.5 wide."""


def need_matplotlib() -> None:
    """Raise ValueError, in one sentence, if it is not installed: `pip install verl-reflect` leaves it out."""
    if find_spec("matplotlib") is None:
        raise ValueError("Curves are drawn by matplotlib, which is not installed; pip install verl-reflect[plot].")
