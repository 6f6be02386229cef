"""Game of 24: the 1,362 puzzles of 4 numbers up to 13 that have a solution, from easy to hard for people.

A fixed benchmark, judged as Countdown is. The ranking is that of 4nums.com as published with Tree of Thoughts (Yao et
al., 2023), whose test set is the ranks 901 to 1000.
"""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from verl_reflect.data.sources import Source
from verl_reflect.tasks.base import Item
from verl_reflect.tasks.countdown import Countdown, Puzzle

PUZZLES = Path(__file__).with_suffix(".csv")


class GameOf24(Countdown):
    """Countdown with the target 24, told apart by its `data_source`."""

    def item(self, record: Any) -> Item:
        """Read a row of the puzzle file: `rank` (1 is the easiest), `numbers`, `solved` (share of people, in %)."""
        numbers = tuple(map(int, record["numbers"].split()))
        item = super().item(Puzzle(24, numbers))
        facts = {"rank": int(record["rank"]), "solved_percent": float(record["solved"])}
        return replace(item, facts={**item.facts, **facts})

    def row(self, item: Item, split: str, index: int) -> dict[str, Any]:
        """As Countdown's row, with a `data_source` of its own."""
        return {**super().row(item, split, index), "data_source": "countdown/game_of_24"}


def _records() -> Iterator[dict[str, str]]:
    with PUZZLES.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


SOURCE = Source("tree-of-thoughts-llm 0.1.0, 24.csv", _records, licence="MIT")
