"""How far the mining is: on stderr, so that stdout stays free for the result."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from verl_reflect.mine.sampling import Outcome


class MiningProgress:
    """A bar of queries with answers a second, failures found and the time that is left."""

    def __init__(self, progress: Progress, queries: int, done: int):
        self._progress = progress
        self._bar = progress.add_task("", total=queries, completed=done, speed="", failures=0)
        self._since = time.monotonic()
        self._answers = self._failures = 0

    def __call__(self, outcome: Outcome) -> None:
        """A query is finished."""
        self._answers += outcome.judged + outcome.unjudged
        self._failures += outcome.failed
        speed = self._answers / max(time.monotonic() - self._since, 1e-9)
        self._progress.update(self._bar, advance=1, speed=f"{speed:,.0f}", failures=self._failures)


@contextmanager
def shown(queries: int, done: int) -> Iterator[MiningProgress]:
    """Show progress for as long as the context lasts."""
    columns = (
        TextColumn("queries"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]} answers/s, {task.fields[failures]} failures"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield MiningProgress(progress, queries, done)
