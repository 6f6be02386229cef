"""`verl-reflect watch`: one live line of a training, from verl's file logger."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from verl_reflect.cli.terminal import refusing_in_one_sentence
from verl_reflect.progress import clock
from verl_reflect.records.growing_file import is_locked
from verl_reflect.records.metrics_log import FILE_NAME, StepMetrics, parts_of, read_run
from verl_reflect.records.run import FILE_NAME as STARTS
from verl_reflect.records.run import read_starts

POLL_SECONDS = 0.5
RECENT = 10
"""Steps from which the time that is left is foretold."""
_VALIDATED = re.compile(r"val-(?:aux|core)/(?P<source>.+)/(?P<name>first_try|reflected|acc)/mean@\d+")


@dataclass(frozen=True)
class HeldOut:
    """The latest validation."""

    step: int
    first_try: float
    """Of the data source whose first tries pass most often: those of known failures never do."""
    second_try: float
    """In the end, of the data source with the largest share of reflections."""

    @classmethod
    def read(cls, logged: StepMetrics) -> "HeldOut | None":
        """None if nothing was validated at this step."""
        found: dict[str, dict[str, float]] = {"first_try": {}, "reflected": {}, "acc": {}}
        for key, value in logged.values.items():
            if match := _VALIDATED.fullmatch(key):
                found[match["name"]][match["source"]] = value
        first, reflected, acc = found.values()
        if not (first and reflected and acc):
            return None
        return cls(logged.step, max(first.values()), acc[max(reflected, key=lambda source: reflected[source])])


@dataclass(frozen=True)
class Progress:
    """What is known so far. None: not logged yet."""

    steps: int | None = None
    step: int = 0
    held_out: HeldOut | None = None
    reward: float | None = None
    tokens_per_second: float | None = None
    """As verl counts them: prompts and responses of a step, on each device."""
    seconds: tuple[float, ...] = ()
    """Of the latest steps."""
    seen: bool = False
    """Something was logged."""

    def after(self, logged: StepMetrics) -> "Progress":
        """With one more logged step."""
        values: Mapping[str, float] = logged.values
        seconds = (values["timing_s/step"],) if "timing_s/step" in values else ()
        return replace(
            self,
            step=logged.step,
            held_out=HeldOut.read(logged) or self.held_out,
            reward=values.get("reflect/acc", self.reward),
            tokens_per_second=values.get("perf/throughput", self.tokens_per_second),
            seconds=(*self.seconds, *seconds)[-RECENT:],
            seen=True,
        )

    @property
    def finished(self) -> bool:
        """The last step was logged."""
        return self.steps is not None and self.step >= self.steps

    @property
    def seconds_left(self) -> float | None:
        """At the pace of the latest steps. None if nothing foretells it."""
        if self.steps is None or not self.seconds:
            return None
        return (self.steps - self.step) * sum(self.seconds) / len(self.seconds)

    def line(self, columns: int | None = None) -> str:
        """One line for people; in so many columns, what matters least is said shorter, and then not at all."""
        for parts in ((self._step, *self._all), (self._step, *self._short), (self._step, *self._short[:1], self._left)):
            line = " · ".join(part for part in parts if part)
            if columns is None or len(line) <= columns:
                return line
        return " · ".join(part for part in (self._step, self._left) if part)

    @property
    def _step(self) -> str:
        return f"step {self.step}{f'/{self.steps}' if self.steps else ''}"

    @property
    def _left(self) -> str:
        return f"{clock(self.seconds_left)} left" if self.seconds_left is not None else ""

    @property
    def _all(self) -> tuple[str, ...]:
        tries = self.held_out and (
            f"held out at {self.held_out.step}: first try {100 * self.held_out.first_try:.1f} %, "
            f"second try {100 * self.held_out.second_try:.1f} %"
        )
        return tries or "", self._reward, self._speed, self._left

    @property
    def _short(self) -> tuple[str, ...]:
        tries = self.held_out and (
            f"tries {100 * self.held_out.first_try:.1f}, {100 * self.held_out.second_try:.1f} % at {self.held_out.step}"
        )
        return tries or "", self._reward, self._speed, self._left

    @property
    def _reward(self) -> str:
        return f"reward {self.reward:.2f}" if self.reward is not None else ""

    @property
    def _speed(self) -> str:
        return f"{self.tokens_per_second:,.0f} tokens/s" if self.tokens_per_second is not None else ""


def waits_for(path: Path, columns: int | None = None) -> str:
    """What a run that has logged nothing yet is at, in words; in so many columns, of a long path only the end."""
    if path.exists():
        return "the models are loaded; waiting for the first validation or step"
    if is_locked(path.with_suffix(f".{STARTS}")):
        return "the run has begun and loads its models"
    waiting = "waiting for a run that writes "
    place = str(path)
    if columns is not None and len(waiting) + len(place) > columns:
        place = f"…{place[len(waiting) + 1 - columns :]}"
    return f"{waiting}{place}"


def has_ended(path: Path) -> bool:
    """Whether the process that wrote the log is gone. False where nobody knows: of a run of an earlier version."""
    starts = path.with_suffix(f".{STARTS}")
    return bool(read_starts(starts)) and not is_locked(starts)


def follow(path: Path, steps: int | None, waiting: Callable[[], None] = lambda: None) -> Iterator[Progress]:
    """The progress after each step that is logged, from the beginning of the run, until its last step or its end.

    A log that became shorter belongs to a new training, and the count starts again.

    Args:
        waiting: Called, again and again, while nothing is logged.
    """
    seen, progress = 0, Progress(steps)
    while not progress.finished:
        ended = has_ended(path)  # before the log is read: what was logged last is seen
        logged = read_run(path) if parts_of(path) else []
        if len(logged) < seen:
            seen, progress = 0, Progress(steps)
        for each in logged[seen:]:
            progress = progress.after(each)
            yield progress
        seen = len(logged)
        if ended:
            return
        if not progress.finished:
            if not seen:
                waiting()
            time.sleep(POLL_SECONDS)


def watch(
    run: Annotated[Path, typer.Argument(help="A run's folder with metrics.jsonl, or verl's log file itself.")],
    steps: Annotated[int | None, typer.Option(help="Steps of the run, if its Hydra folder is not in it.")] = None,
) -> None:
    """Follow a training in one line: step, first and second try, reward, tokens a second, time left."""
    with refusing_in_one_sentence():
        last, path = _show(run, steps, Console())
        if not last.finished and has_ended(path):
            where = f"after step {last.step}" if last.seen else "before its first step"
            if last.steps is not None or not last.seen:
                raise ValueError(f"The run has ended {where}{_of(last.steps)}; what verl printed says why.")
            typer.echo(f"The run has ended {where}.", err=True)


def _of(steps: int | None) -> str:
    return f" of {steps}" if steps else ""


def _show(run: Path, steps: int | None, console: Console) -> tuple[Progress, Path]:
    """Show the line until the last step, or the end of the run. Not on a terminal: a line a step.

    Returns:
        How far it came, and the log.

    Raises:
        ValueError: there is no such folder or file, or it is not a log of verl.
    """
    from verl_reflect.report.settings import Settings  # imports OmegaConf, which only this command needs

    if not run.exists():
        raise ValueError(f"There is no {run}; name the folder of a run, or verl's log file (VERL_FILE_LOGGER_PATH).")
    path = run / FILE_NAME if run.is_dir() else run
    steps = steps or Settings.of(path.parent).total_steps
    last = Progress(steps)
    if not console.is_terminal:
        said: set[str] = set()
        for last in follow(path, steps, lambda: _say_once(waits_for(path), said, console)):
            console.print(last.line(), highlight=False, soft_wrap=True)
        return last, path
    with Live(console=console, auto_refresh=False) as live:

        def show(line: str) -> None:
            live.update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)

        for last in follow(path, steps, lambda: show(waits_for(path, console.width))):
            show(last.line(console.width))
    return last, path


def _say_once(sentence: str, said: set[str], console: Console) -> None:
    if sentence not in said:
        said.add(sentence)
        console.print(sentence, highlight=False, soft_wrap=True)
