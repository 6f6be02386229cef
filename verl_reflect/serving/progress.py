"""How far a command is: on stderr, so that stdout stays free for the result."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from verl_reflect.progress import progress

Piece = TypeVar("Piece", contravariant=True)
"""What the journal of the command keeps."""


class Tally(Protocol[Piece]):
    """What a command counts beside the bar. Its `str` is what is shown."""

    def take(self, piece: Piece) -> int:
        """A piece is finished. Returns how far the bar goes on."""


@contextmanager
def shown(what: str, total: int, done: int, tally: Tally[Piece]) -> Iterator[Callable[[Piece], None]]:
    """Show progress for as long as the context lasts. Each finished piece is handed to the function that it gives.

    Args:
        what: What `total` counts, for the person who looks.
        done: How much of it an earlier run did.
    """
    with progress(what, total, done) as bar:

        def on_piece(piece: Piece) -> None:
            nonlocal done
            done += tally.take(piece)
            bar.update(done, str(tally))

        yield on_piece
