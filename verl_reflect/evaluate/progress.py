"""How far the evaluation is: on stderr, so that stdout stays free for the result."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from verl_reflect.evaluate.record import FIRST_TRY, Record


class EvaluationProgress:
    """A bar of first attempts, with the second tries so far."""

    def __init__(self, progress: Progress, attempts: int, done: int):
        self._progress = progress
        self._bar = progress.add_task("", total=attempts, completed=done, second_tries=0)
        self._second_tries = 0

    def __call__(self, record: Record) -> None:
        """A conversation is over."""
        first = record.condition == FIRST_TRY
        self._second_tries += not first
        self._progress.update(self._bar, advance=int(first), second_tries=self._second_tries)


@contextmanager
def shown(attempts: int, done: int) -> Iterator[EvaluationProgress]:
    """Show progress for as long as the context lasts."""
    columns = (
        TextColumn("first attempts"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[second_tries]:,} second tries"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield EvaluationProgress(progress, attempts, done)
