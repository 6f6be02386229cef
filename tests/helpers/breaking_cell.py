"""A cell of the replication that breaks, in a module that a spawned process can import."""

import time
from pathlib import Path

from recipes.replication.grid import Cell, Work


def breaks_or_takes_a_minute(cell: Cell, out: Path, work: Work) -> None:
    """Seed 1 breaks."""
    if cell.seed == 1:
        raise ValueError("broken")
    time.sleep(60)
