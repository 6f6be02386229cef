"""The commands `verl-reflect data ...`."""

import enum
from pathlib import Path
from typing import Annotated

import typer

from verl_reflect.cli.terminal import end_like_an_interrupt, refusing_in_one_sentence
from verl_reflect.data.maker import Made, make_dataset
from verl_reflect.data.sources import Source, open_source
from verl_reflect.tasks.registry import load_task

data = typer.Typer(no_args_is_help=True, help="Make a task's data in verl's parquet schema.")

Out = Annotated[Path, typer.Option(help="Folder for train, validation and test.parquet and their cards.")]
Train = Annotated[
    int | None,
    typer.Option("--train", "--size", help="Training rows.  [default: all that remain]", show_default=False),
]
Validation = Annotated[int, typer.Option(help="Validation rows.")]
Test = Annotated[int, typer.Option(help="Test rows.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same rows.")]
From = Annotated[
    str,
    typer.Option("--source", help="A .parquet, .json, .jsonl or .csv file, or a hub data set: name[:config[:split]]."),
]


class NumbersUsed(str, enum.Enum):
    """How many of its numbers an equation must use."""

    all = "all"
    any = "any"


@data.callback()
def _before_any() -> None:
    end_like_an_interrupt()


def report(made: Made) -> None:
    """Print the files on stdout, and what was left out on stderr."""
    for path in made.paths:
        typer.echo(path)
    typer.echo(f"{made.rows} rows; {made.duplicates} duplicates dropped; {made.rejected} malformed records", err=True)
    if made.rejected:
        typer.echo(f"malformed records are listed in {made.rejections} ({made.first_rejection})", err=True)


def make_from_source(
    task: str, source: Source, out: Path, train: int | None, validation: int, test: int, seed: int
) -> None:
    """Make the three files of the task named `module:Class`."""
    with refusing_in_one_sentence():
        report(make_dataset(load_task(task), source, _sizes(train, validation, test), seed=seed, out=out))


def _sizes(train: int | None, validation: int, test: int) -> dict[str, int | None]:
    """Of the splits, in the order in which they are filled."""
    return {"test": test, "validation": validation, "train": train}


@data.command()
def countdown(
    out: Out,
    train: Annotated[
        int | None,
        typer.Option(
            "--train", "--size", help="Training rows.  [default: 10000, or all that remain]", show_default=False
        ),
    ] = None,
    validation: Validation = 500,
    test: Test = 1_000,
    seed: Seed = 0,
    min_numbers: Annotated[int, typer.Option(min=2, max=6, help="Fewest numbers of a task.")] = 3,
    max_numbers: Annotated[int, typer.Option(min=2, max=6, help="Most numbers of a task.")] = 4,
    use: Annotated[NumbersUsed, typer.Option(help="Whether an equation must use all its numbers.")] = NumbersUsed.all,
    source: Annotated[
        str | None,
        typer.Option(help="Use existing items: a file or hub data set with the columns target and nums."),
    ] = None,
) -> None:
    """Equation writing: reach a target with the given numbers, each used once."""
    from verl_reflect.data.countdown import make_countdown
    from verl_reflect.data.puzzles import PuzzleRanges

    with refusing_in_one_sentence():
        made = make_countdown(
            out,
            train=train,
            validation=validation,
            test=test,
            seed=seed,
            ranges=PuzzleRanges(min_numbers=min_numbers, max_numbers=max_numbers),
            source=source,
            use=use.value,
        )
        report(made)


@data.command()
def game_of_24(out: Annotated[Path, typer.Option(help="Folder for test.parquet and its card.")]) -> None:
    """A fixed benchmark: the 1,362 puzzles of the Game of 24, ranked by how many people solve them."""
    from verl_reflect.data.game_of_24 import SOURCE, GameOf24

    with refusing_in_one_sentence():
        report(make_dataset(GameOf24(), SOURCE, {"test": None}, seed=0, out=out))


def _add_public(name: str, task: str, source: str, test: int, words: str) -> None:
    """A command for a task whose records are a public data set, or a file of its schema."""

    @data.command(name, help=words)
    def make(
        out: Out,
        train: Train = None,
        validation: Validation = 500,
        test: Test = test,
        seed: Seed = 0,
        source: From = source,
    ) -> None:
        make_from_source(task, open_source(source), out, train, validation, test, seed)


_add_public(
    "gsm8k",
    "verl_reflect.tasks.gsm8k:Gsm8k",
    source="openai/gsm8k:main",
    test=1_000,
    words="Word problems with a number as their answer.",
)
_add_public(
    "math",
    "verl_reflect.tasks.math:Math",
    source="DigitalLearningGmbH/MATH-lighteval",
    test=1_000,
    words="Competition problems with an expression as their answer.",
)
_add_public(
    "function-calling",
    "verl_reflect.tasks.function_calling:FunctionCalling",
    source="Salesforce/xlam-function-calling-60k",
    test=12_000,
    words="Calls of the right functions with the right arguments (paper, section 4, which tests on 12,000).",
)


@data.command()
def bfcl(
    out: Annotated[Path, typer.Option(help="Folder for test.parquet and its card.")],
    source: Annotated[
        str, typer.Option(help="Folder of the unpacked package bfcl-eval or of its data, or an installed package.")
    ] = "bfcl_eval",
) -> None:
    """Berkeley Function Calling Leaderboard v4: its Python categories and irrelevance, for validation."""
    from verl_reflect.data.bfcl import bfcl_records, data_folder
    from verl_reflect.tasks.bfcl import Bfcl

    with refusing_in_one_sentence():
        folder = data_folder(source)
        records = Source("bfcl-eval (BFCL v4)", lambda: bfcl_records(folder), licence="Apache-2.0")
        report(make_dataset(Bfcl(), records, {"test": None}, seed=0, out=out))


@data.command()
def custom(
    out: Out,
    task: Annotated[str, typer.Option(help="Your task as module:Class (docs/tasks.md).")],
    source: From,
    train: Train = None,
    validation: Validation = 500,
    test: Test = 1_000,
    seed: Seed = 0,
) -> None:
    """A task of your own."""
    from verl_reflect.data.maker_apart import make_apart

    with refusing_in_one_sentence():
        report(make_apart(task, source, _sizes(train, validation, test), seed=seed, out=out))


@data.command()
def countdown_toy(
    out: Annotated[Path, typer.Option(help="Folder for train and validation.parquet and their cards.")],
    seed: Seed = 0,
) -> None:
    """The tiny model's own failures at a small Countdown, for `+task=countdown_toy`."""
    from verl_reflect.demo.data import CHECKPOINT, make_data
    from verl_reflect.progress import progress

    with refusing_in_one_sentence(), progress("the tiny model attempts tasks"):
        paths = make_data(out, CHECKPOINT, seed=seed)
    for path in paths:
        typer.echo(path)
