"""Says which record goes into which file, so that no item is in two of them, in a few bytes a record."""

import hashlib
from array import array
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Sizes = Mapping[str, int | None]
"""Rows of each split, the held-out ones first, because they are served first; None for all that remain."""

LEFT_OUT = 255
"""The mark of a record that goes into no split."""


def key_of(content: str, seed: int) -> int:
    """64 bits that stand for an item's content; another seed puts the items in another order.

    Two different items share a key once in 10^7 data sets of a million; the later one then counts as a duplicate.
    Raises UnicodeEncodeError for a lone surrogate, which parquet could not hold either.
    """
    digest = hashlib.blake2b(content.encode(), digest_size=8, key=str(seed).encode())
    return int.from_bytes(digest.digest(), "big")


class Survey:
    """What the first pass over a source finds: the key of each usable record and where it stands."""

    def __init__(self) -> None:
        self.records = 0
        self.different = 0
        """Items, known once they are assigned."""
        self._positions = array("I")
        self._keys = array("Q")

    @property
    def usable(self) -> int:
        """Records with a key, duplicates included."""
        return len(self._keys)

    def add(self, position: int, key: int) -> None:
        """Note a usable record; positions count from 0."""
        self._positions.append(position)
        self._keys.append(key)

    def first_of_each(self, in_order: bool) -> NDArray[np.uint32]:
        """Positions of the first record of each item, by key, or as they come in the source.

        By key is at random, but the same item has the same place whatever else is in the source.
        """
        keys = np.asarray(self._keys)
        by_key = keys.argsort(kind="stable").astype(np.uint32)
        new = np.ones(len(keys), bool)
        new[1:] = _rises(keys[by_key])
        first = by_key[new]
        if in_order:
            first.sort()
        return np.asarray(self._positions)[first]


def _rises(ordered: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Where a key in an ordered array differs from the one before; one shorter than the array."""
    return ordered[1:] != ordered[:-1]


def assign(survey: Survey, sizes: Sizes, in_order: bool) -> tuple[bytes, dict[str, int]]:
    """One byte for each record, the number of its split in `sizes` or LEFT_OUT, and the sizes with None filled in.

    Raises ValueError for a split of less than one row and where there are too few different items.
    """
    if any(size is not None and size < 1 for size in sizes.values()):
        raise ValueError(f"each split needs at least one row, not {dict(sizes)}")
    positions = survey.first_of_each(in_order)
    survey.different = len(positions)
    splits = np.full(survey.records, LEFT_OUT, np.uint8)
    filled: dict[str, int] = {}
    taken = 0
    for number, (name, size) in enumerate(sizes.items()):
        filled[name] = max(len(positions) - taken, 1) if size is None else size
        splits[positions[taken : taken + filled[name]]] = number
        taken += filled[name]
    if taken > len(positions):
        raise ValueError(f"{len(positions)} different items are there, and {taken} are wanted")
    return splits.tobytes(), filled


def check_disjoint(keys: Sequence["array[int]"], sizes: Mapping[str, int]) -> None:
    """Raise ValueError unless the splits have their sizes and no key is there twice."""
    written = np.concatenate([np.asarray(each) for each in keys])
    written.sort()
    if list(map(len, keys)) != list(sizes.values()) or not _rises(written).all():
        raise ValueError("the source gave other records when it was read again")
