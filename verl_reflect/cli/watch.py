"""`verl-reflect watch`: one live line of a training, from verl's file logger."""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from verl_reflect.cli.terminal import refusing_in_one_sentence
from verl_reflect.records.metrics_log import FILE_NAME, StepMetrics, read_metrics

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

    def line(self) -> str:
        """One line for people."""
        parts = [f"step {self.step}{f'/{self.steps}' if self.steps else ''}"]
        if self.held_out:
            parts.append(
                f"held out at {self.held_out.step}: first try {100 * self.held_out.first_try:.1f} %, "
                f"second try {100 * self.held_out.second_try:.1f} %"
            )
        if self.reward is not None:
            parts.append(f"reward {self.reward:.2f}")
        if self.tokens_per_second is not None:
            parts.append(f"{self.tokens_per_second:,.0f} tokens/s")
        if self.seconds_left is not None:
            parts.append(f"{_clock(self.seconds_left)} left")
        return " · ".join(parts)


def _clock(seconds: float) -> str:
    """Such as `1:05:09` or `5:09`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def follow(path: Path, steps: int | None) -> Iterator[Progress]:
    """The progress after each step that is logged, from the beginning of the file, until the last step.

    A file that became shorter belongs to a new training, and the count starts again.
    """
    seen, progress = 0, Progress(steps)
    while not progress.finished:
        logged = read_metrics(path) if path.exists() else []
        if len(logged) < seen:
            seen, progress = 0, Progress(steps)
        for each in logged[seen:]:
            progress = progress.after(each)
            yield progress
        seen = len(logged)
        if not progress.finished:
            time.sleep(POLL_SECONDS)


def watch(
    run: Annotated[Path, typer.Argument(help="A run's folder with metrics.jsonl, or verl's log file itself.")],
    steps: Annotated[int | None, typer.Option(help="Steps of the run, if its Hydra folder is not in it.")] = None,
) -> None:
    """Follow a training in one line: step, first and second try, reward, tokens a second, time left."""
    with refusing_in_one_sentence():
        _show(run, steps, Console())


def _show(run: Path, steps: int | None, console: Console) -> None:
    """Show the line until the last step, or for ever if nobody knows which that is. Not on a terminal: a line a step.

    Raises:
        ValueError: there is no such folder or file, or it is not a log of verl.
    """
    from verl_reflect.report.settings import Settings  # imports OmegaConf, which only this command needs

    if not run.exists():
        raise ValueError(f"There is no {run}; name the folder of a run, or verl's log file (VERL_FILE_LOGGER_PATH).")
    path = run / FILE_NAME if run.is_dir() else run
    steps = steps or Settings.of(path.parent).total_steps
    if not console.is_terminal:
        for progress in follow(path, steps):
            console.print(progress.line(), highlight=False, soft_wrap=True)
        return
    with Live(Text(f"waiting for {path}"), console=console, auto_refresh=False) as live:
        for progress in follow(path, steps):
            live.update(Text(progress.line(), no_wrap=True, overflow="ellipsis"), refresh=True)
