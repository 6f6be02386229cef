"""Fills the file of one split: its rows, and what its card says of them."""

from array import array
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from verl_reflect.records.parquet import DatasetWriter, Row
from verl_reflect.tasks.base import Item, Task

ROWS_PER_GROUP = 2048
"""Rows that are held until they are written, and the size of a parquet row group."""


class SplitFile:
    """`<split>.parquet` in the folder `out`, while it is made.

    Items with a `difficulty` among their facts are counted by it on the card.
    """

    def __init__(self, out: Path, split: str) -> None:
        self.split = split
        self.keys = array("Q")
        """Keys of the items written, 8 bytes each."""
        self._difficulties: Counter[str] = Counter()
        self._waiting: list[Row] = []
        self._writer = DatasetWriter(out / f"{split}.parquet")

    def __enter__(self) -> "SplitFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, value, traceback)

    def add(self, task: Task, item: Item, key: int) -> None:
        """Append an item. Raises ValueError for values that no parquet column takes."""
        self._waiting.append(task.row(item, self.split, len(self.keys)))
        self.keys.append(key)
        if "difficulty" in item.facts:
            self._difficulties[str(item.facts["difficulty"])] += 1
        if len(self._waiting) == ROWS_PER_GROUP:
            self._flush()

    def close(self) -> None:
        """Write what is still held. Nothing is in place before `publish`."""
        if self._waiting:
            self._flush()
        self._writer.close()

    def publish(self, card: Mapping[str, object]) -> Path:
        """Put the file and its card in place."""
        difficulties = {"difficulty": dict(sorted(self._difficulties.items()))} if self._difficulties else {}
        return self._writer.publish({**card, **difficulties, "split": self.split})

    def _flush(self) -> None:
        self._writer.write(self._waiting)
        self._waiting = []
