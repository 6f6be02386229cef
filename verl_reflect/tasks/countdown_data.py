r"""Makes the Countdown data set: train, validation and test rows in verl's schema.

The prompts follow the paper (section 4), which asks for the final answer in `\boxed{}`.
"""

import random
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from verl_reflect import __version__
from verl_reflect.dataset_files import write_dataset
from verl_reflect.tasks.countdown import SYSTEM_PROMPT, USER_PROMPT, Countdown, Puzzle
from verl_reflect.tasks.countdown_puzzles import PuzzleRanges, distinct_puzzles
from verl_reflect.tasks.countdown_source import read_puzzles


def make_countdown(
    out_dir: Path,
    *,
    train: int,
    validation: int,
    test: int,
    seed: int,
    ranges: PuzzleRanges,
    source: str | None,
) -> list[Path]:
    """Write `train.parquet`, `validation.parquet` and `test.parquet` with their cards, and return the three paths.

    `train`, `validation` and `test` are numbers of rows; no item is in two of the files. With `source` (see
    `countdown_source`) the items are drawn from it, as far as they fall within `ranges`; without, they are made up.
    Raises ValueError for a size below 1 and where there are too few items, and whatever reading the source raises.
    """
    # The held-out rows come first: for one seed they stay the same however many rows are asked for to train on.
    sizes = {"test": test, "validation": validation, "train": train}
    if min(sizes.values()) < 1:
        raise ValueError(f"each split needs at least one row, not {sizes}")
    total = sum(sizes.values())
    puzzles = iter(_drawn_puzzles(source, total, seed, ranges) if source else distinct_puzzles(total, seed, ranges))
    card = {
        "licence": "the source's own" if source else "Apache-2.0",
        "prompt": {"system": SYSTEM_PROMPT, "user": USER_PROMPT},
        "ranges": asdict(ranges),
        "seed": seed,
        "sizes": sizes,
        "source": source or f"made up by verl-reflect {__version__}",
    }
    for split, size in sizes.items():
        rows = [training_row(puzzle, split, index) for index, puzzle in enumerate(islice(puzzles, size))]
        write_dataset(out_dir / f"{split}.parquet", rows, {**card, "split": split})
    return [out_dir / f"{split}.parquet" for split in ("train", "validation", "test")]


def training_row(puzzle: Puzzle, split: str, index: int) -> dict[str, object]:
    """One row in the schema that verl reads; `index` counts within the split."""
    task = Countdown()
    return task.row(task.item(puzzle), split, index)


def _drawn_puzzles(source: str, count: int, seed: int, ranges: PuzzleRanges) -> list[Puzzle]:
    """`count` different items of the source in a random order that the seed fixes."""
    fitting = {puzzle.content: puzzle for puzzle in read_puzzles(source) if ranges.admit(puzzle)}
    if len(fitting) < count:
        raise ValueError(f"{source} has {len(fitting)} different items within {ranges}, and {count} are wanted")
    puzzles = list(fitting.values())
    random.Random(seed).shuffle(puzzles)
    return puzzles[:count]
