"""Colours and dashes of the lines, the same in the plots and in the page's keys to them."""

INK, FAINT = "#222222", "#d9d9d9"
SERIES = ("#0072b2", "#d55e00", "#007a5a", "#9b4f96", "#6b6b6b")
DASHES = ((), (4.5, 2), (1.2, 1.8), (5, 2, 1.2, 2), (1.2, 4))
"""Lengths of line and gap, in line widths."""
SVG_DASHES = tuple(" ".join(f"{2.5 * each:g}" for each in dash) or "none" for dash in DASHES)
"""The same for the keys of the page, whose lines are 2.5 wide."""
