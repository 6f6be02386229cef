"""The command `verl-reflect`."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

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
            table.add_row("[green]ok[/]" if finding.fit else "[red]no[/]", finding.check, finding.remark)
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


@data.command()
def bfcl(
    out: Annotated[Path, typer.Option(help="Folder for test.parquet and its card.")],
    source: Annotated[
        str, typer.Option(help="Folder of the unpacked package bfcl-eval or of its data, or an installed package.")
    ] = "bfcl_eval",
) -> None:
    """Berkeley Function Calling Leaderboard v4: its Python categories and irrelevance, for validation."""
    from verl_reflect.tasks.bfcl_data import make_bfcl

    try:
        print(make_bfcl(out, source))
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from error
