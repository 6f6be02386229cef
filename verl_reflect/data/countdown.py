"""Makes the Countdown data set: made-up puzzles, or those of a source in the public schema."""

from dataclasses import asdict
from pathlib import Path

from verl_reflect.data.maker import Made, make_dataset
from verl_reflect.data.puzzles import PuzzleRanges, distinct_puzzles
from verl_reflect.data.sources import Source, open_source
from verl_reflect.tasks.base import Item
from verl_reflect.tasks.countdown import Countdown, Puzzle, Use

MADE_UP_ROWS = 10_000
"""Training rows that are made up where no number is asked for."""


def make_countdown(
    out: Path,
    *,
    train: int | None,
    validation: int,
    test: int,
    seed: int,
    ranges: PuzzleRanges,
    source: str | None,
    use: Use = "all",
) -> Made:
    """Write `train.parquet`, `validation.parquet` and `test.parquet` with their cards to `out`.

    Args:
        train: Rows, as `validation` and `test` are. None: all that remain in the source, or MADE_UP_ROWS.
        source: Draw the items from it (see `data.sources`), as far as they fall within `ranges`. None: make them up.
        use: Whether an equation must use all numbers.

    Raises ValueError and OSError as `make_dataset` does.
    """
    if train is None and source is None:
        train = MADE_UP_ROWS
    sizes = {"test": test, "validation": validation, "train": train}
    records = open_source(source) if source else made_up(test + validation + (train or 0), seed, ranges)

    def fits(item: Item) -> bool:
        return ranges.admit(Puzzle.from_ground_truth(item.ground_truth))

    return make_dataset(Countdown(use), records, sizes, seed=seed, out=out, wanted=fits)


def made_up(count: int, seed: int, ranges: PuzzleRanges) -> Source:
    """A source of `count` different puzzles with their solutions."""
    return Source(
        name="made up",
        records=lambda: distinct_puzzles(count, seed, ranges),
        licence="Apache-2.0",
        drawn_at_random=True,
        facts={"ranges": asdict(ranges)},
    )
