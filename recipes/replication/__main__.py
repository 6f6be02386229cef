"""The miniature replication: `python -m recipes.replication`, and how its starts are made and handed to verl."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from recipes.clone import DOCS, README
from recipes.ending import ending_well
from verl_reflect.report.looks import need_matplotlib

app = typer.Typer(add_completion=False)
Seed = Annotated[int, typer.Option(help="Of all that is drawn.")]


@app.callback(invoke_without_command=True)
def replicate(
    context: typer.Context,
    out: Annotated[
        Path, typer.Option(help="Folder for what each cell came to; finished ones are not repeated.")
    ] = Path("runs/replicate"),
    small: Annotated[bool, typer.Option("--small", help="Without the models ten times larger.")] = False,
) -> None:
    """Ask the paper's questions of small models on all processors, and write docs/replication.md."""
    if context.invoked_subcommand is not None:
        return
    with ending_well():
        need_matplotlib()
        from recipes.replication.grid import TRAINED, Work
        from recipes.replication.replicate import replicate as run

        run(out, DOCS, README, Console(), Work(), ["small"] if small else list(TRAINED))


@app.command()
def checkpoints(seed: Seed = 0) -> None:
    """Make the four starts anew, two at a time: about 40 minutes on 2 cores."""
    from recipes.replication.checkpoints import make_starts

    with ending_well():
        make_starts(seed)


@app.command()
def data(
    start: Annotated[str, typer.Option(help="Such as llama-small.")],
    world: Annotated[str, typer.Option(help="countdown or calls.")],
    out: Annotated[Path, typer.Option(help="Folder for the two files.")],
    train: Annotated[int, typer.Option(help="Failures to train on.")] = 1500,
    held_out: Annotated[int, typer.Option(help="Failures to validate on.")] = 200,
    seed: Seed = 0,
) -> None:
    """Write a start's failures as data for verl, so that its own trainer can begin there."""
    from recipes.replication.verl_data import make_data

    with ending_well():
        for path in make_data(out, start, world, train=train, held_out=held_out, seed=seed):
            typer.echo(path)


if __name__ == "__main__":
    app()
