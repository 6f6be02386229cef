"""How far a long command is: a bar on a terminal, and a line every so often where the output is a file."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

LINE_SECONDS = 20.0
"""Between two lines in a file."""
Each = TypeVar("Each")


class Bar(Protocol):
    """What a command tells of itself."""

    def update(self, done: int | None = None, note: str | None = None, what: str | None = None) -> None:
        """What is done of it by now, what else is to be said, what is going on. None: as it was."""


@contextmanager
def progress(what: str, total: int | None = None, done: int = 0, console: Console | None = None) -> Iterator[Bar]:
    """Show how far something is, for as long as the context lasts.

    Args:
        what: What is done, or what `total` counts.
        total: None if nobody knows.
        done: How much of it was done before.
        console: stderr, unless said otherwise.
    """
    console = console or Console(stderr=True)
    shown = _on_a_terminal if console.is_terminal else _in_a_file
    with shown(what, total, done, console) as bar:
        yield bar


def counted(items: Iterable[Each], what: str, total: int | None = None) -> Iterator[Each]:
    """The items, with progress while they are taken."""
    with progress(what, total) as bar:
        for number, item in enumerate(items, start=1):
            yield item
            bar.update(number)


@contextmanager
def _on_a_terminal(what: str, total: int | None, done: int, console: Console) -> Iterator[Bar]:
    known = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn())
    left = (TextColumn("left:"), TimeRemainingColumn()) if total else ()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), *known, *left)
    with Progress(*columns, console=console, transient=not total) as bars:
        task = bars.add_task(what, total=total, completed=done, note="")

        class OnTerminal:
            def update(self, done: int | None = None, note: str | None = None, what: str | None = None) -> None:
                bars.update(task, completed=done, description=what)
                if note is not None:
                    bars.update(task, note=note)

        yield OnTerminal()


class _Lines:
    """A line now and then, whether or not there is something new: a silent command looks like one that hangs."""

    def __init__(self, what: str, total: int | None, done: int, clock: Callable[[], float] = time.monotonic):
        self._what, self._total, self._done, self._note = what, total, done, ""
        self._before, self._clock, self._began = done, clock, clock()

    def update(self, done: int | None = None, note: str | None = None, what: str | None = None) -> None:
        self._done = self._done if done is None else done
        self._note = self._note if note is None else note
        self._what = what or self._what

    def __str__(self) -> str:
        seconds = self._clock() - self._began
        parts = [self._what]
        if self._total is not None:
            parts.append(f"{self._done:,}/{self._total:,}")
        elif self._done:
            parts.append(f"{self._done:,}")
        parts += [self._note] if self._note else []
        parts.append(f"{clock(seconds)} so far")
        speed = (self._done - self._before) / max(seconds, 1e-9)
        if self._total is not None and speed > 0 and self._done < self._total:
            parts.append(f"{clock((self._total - self._done) / speed)} left")
        return ", ".join(parts)


@contextmanager
def _in_a_file(what: str, total: int | None, done: int, console: Console) -> Iterator[Bar]:
    lines, ended = _Lines(what, total, done), threading.Event()

    def say() -> None:
        console.print(str(lines), markup=False, highlight=False, soft_wrap=True)

    def say_now_and_then() -> None:
        while not ended.wait(LINE_SECONDS):
            say()

    thread = threading.Thread(target=say_now_and_then, daemon=True)
    thread.start()
    try:
        yield lines
    finally:
        ended.set()
        thread.join()
    if total:
        say()


def clock(seconds: float) -> str:
    """Such as `1:05:09` or `5:09`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
