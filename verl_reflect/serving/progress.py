"""How far a command is: on stderr, so that stdout stays free for the result."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

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
    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[tally]}"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("", total=total, completed=done, tally=str(tally))

        def on_piece(piece: Piece) -> None:
            progress.update(bar, advance=tally.take(piece), tally=str(tally))

        yield on_piece
