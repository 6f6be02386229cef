"""The command `verl-reflect`."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from verl_reflect.mine.settings import MineSettings

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Reflect, retry, reward on verl.")
data = typer.Typer(no_args_is_help=True, help="Make a task's data in verl's parquet schema.")
app.add_typer(data, name="data")


@app.command()
def doctor(
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Hydra overrides, as for verl.trainer.main_ppo.")
    ] = None,
) -> None:
    """Say whether plugin, verl, rollout engine, Ray, platform, chat template and data fit together."""
    from verl_reflect.doctor import examine

    table = Table("", "check", "remark", box=None, pad_edge=False)
    unfit = 0
    with Console(stderr=True).status("Looking at the installation ..."):
        for finding in examine(overrides or []):
            unfit += not finding.fit
            mark = "[red]no[/]" if not finding.fit else "[yellow]??[/]" if finding.doubtful else "[green]ok[/]"
            table.add_row(mark, finding.check, finding.remark)
    Console(soft_wrap=True).print(table)
    raise typer.Exit(code=1 if unfit else 0)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for data, log, transcripts and picture.")] = Path("runs/demo"),
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 1,
) -> None:
    """Train the tiny model's reflections on this machine's CPU and show first and second tries, before and after."""
    from verl_reflect.toy.demo import demo as run_demo
    from verl_reflect.toy.training import TrainingError

    _end_like_an_interrupt()
    try:
        run_demo(out, seed, Console())
    except TrainingError as error:
        raise SystemExit(str(error)) from error


@app.command()
def results(
    out: Annotated[Path, typer.Option(help="Folder for the trainings; finished ones are not repeated.")] = Path(
        "runs/results"
    ),
    seeds: Annotated[list[int] | None, typer.Option(help="Seeds; repeat the option for several.")] = None,
) -> None:
    """Regenerate the README's table and picture: several seeds, and the control with shuffled rewards."""
    from verl_reflect.toy.results import results as run_results
    from verl_reflect.toy.training import TrainingError

    _end_like_an_interrupt()
    try:
        run_results(out, seeds or [1, 2], Path("docs"), Path("README.md"), Console())
    except TrainingError as error:
        raise SystemExit(str(error)) from error


@app.command()
def mine(
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Hydra overrides, as for verl.trainer.main_ppo.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The failure set (parquet). Its journal and card go beside it.")] = Path(
        "data/failures.parquet"
    ),
    data: Annotated[
        list[Path] | None, typer.Option(help="Parquet to mine; repeat for several. Default: data.train_files.")
    ] = None,
    samples: Annotated[int, typer.Option(help="Most answers to a query.")] = MineSettings.samples,
    keep: Annotated[int, typer.Option(help="Failures kept of a query, drawn at random.")] = MineSettings.keep,
    stop_after: Annotated[int | None, typer.Option(help="Leave a query after so many failures.")] = None,
    wave: Annotated[int, typer.Option(help="With --stop-after: answers asked for at once.")] = MineSettings.wave,
    min_pass_rate: Annotated[
        float, typer.Option(help="Leave out queries that pass less often.")
    ] = MineSettings.min_pass_rate,
    max_pass_rate: Annotated[
        float, typer.Option(help="Leave out queries that pass more often.")
    ] = MineSettings.max_pass_rate,
    seed: Annotated[int, typer.Option(help="Decides which failures are kept.")] = MineSettings.seed,
    tries: Annotated[
        int, typer.Option(help="Requests for an answer before its query is given up.")
    ] = MineSettings.tries,
    in_flight: Annotated[int, typer.Option(help="Answers asked for at once; 0: twice what the servers hold.")] = 0,
) -> None:
    """Make a failure set for a model: sample answers, judge them, keep failures. A killed run goes on if repeated."""
    _end_like_an_interrupt()
    try:
        settings = MineSettings(samples, keep, stop_after, wave, seed, min_pass_rate, max_pass_rate, tries)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    from verl_reflect.mine.report import run_and_report

    raise typer.Exit(run_and_report(overrides or [], settings, out, data or [], in_flight))


def _end_like_an_interrupt() -> None:
    """Let SIGTERM unwind the stack as Ctrl-C does, so that the trainer we started ends with us."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


@data.command()
def countdown(
    out: Annotated[Path, typer.Option(help="Folder for train, validation and test.parquet and their cards.")],
    train: Annotated[int, typer.Option(help="Training rows.")] = 10_000,
    validation: Annotated[int, typer.Option(help="Validation rows.")] = 500,
    test: Annotated[int, typer.Option(help="Test rows.")] = 1_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows.")] = 0,
    min_numbers: Annotated[int, typer.Option(min=2, max=6, help="Fewest numbers of a task.")] = 3,
    max_numbers: Annotated[int, typer.Option(min=2, max=6, help="Most numbers of a task.")] = 4,
    source: Annotated[
        str | None,
        typer.Option(help="Use existing items: a file or hub data set with the columns target and nums."),
    ] = None,
) -> None:
    """Equation writing: reach a target with the given numbers, each used once."""
    from verl_reflect.tasks.countdown_data import make_countdown
    from verl_reflect.tasks.countdown_puzzles import PuzzleRanges

    ranges = PuzzleRanges(min_numbers=min_numbers, max_numbers=max_numbers)
    sizes = {"train": train, "validation": validation, "test": test}
    with Console(stderr=True).status("Making tasks ..."):
        try:
            paths = make_countdown(out, **sizes, seed=seed, ranges=ranges, source=source)
        except (ValueError, OSError) as error:
            raise typer.BadParameter(str(error)) from error
    for path in paths:
        print(path)


@data.command()
def countdown_toy(
    out: Annotated[Path, typer.Option(help="Folder for train and validation.parquet and their cards.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows.")] = 0,
) -> None:
    """The tiny model's own failures at a small Countdown, for `+task=countdown_toy`."""
    from verl_reflect.toy.data import CHECKPOINT, make_data

    with Console(stderr=True).status("The tiny model attempts tasks ..."):
        paths = make_data(out, CHECKPOINT, seed=seed)
    for path in paths:
        print(path)
