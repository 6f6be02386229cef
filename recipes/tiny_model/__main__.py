"""How the demo's checkpoint and the README's tables are made: `python -m recipes.tiny_model --help`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from recipes.clone import DOCS, README
from recipes.ending import ending_well
from verl_reflect.report.looks import need_matplotlib

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
Seeds = Annotated[list[int] | None, typer.Option(help="Seeds; repeat the option for several.")]
Trainings = Annotated[Path, typer.Option(help="Folder for the trainings; finished ones are not repeated.")]


@app.command()
def results(out: Trainings = Path("runs/results"), seeds: Seeds = None) -> None:
    """Make the README's table and picture anew: several seeds, and the control with shuffled rewards."""
    with ending_well():
        need_matplotlib()
        from recipes.tiny_model.results import SEEDS
        from recipes.tiny_model.results import results as run

        run(out, seeds or SEEDS, DOCS, README, Console())


@app.command()
def compare(out: Trainings = Path("runs/compare"), seeds: Seeds = None) -> None:
    """Train every credit choice and control over several seeds, and write the README's comparison."""
    from recipes.tiny_model.compare import SEEDS, ComparedTrainings
    from recipes.tiny_model.comparison_table import publish

    with ending_well():
        compared = ComparedTrainings(out, seeds or SEEDS)
        compared.run(Console())
        publish(compared, DOCS, README)


@app.command()
def warm_start(
    out: Annotated[Path, typer.Option(help="Folder for the checkpoint.")],
    seed: Annotated[int, typer.Option(help="Of weights and conversations.")] = 0,
) -> None:
    """Make the tiny model's starting checkpoint, in a few minutes."""
    from recipes.tiny_model.warm_start import make_checkpoint

    with ending_well():
        make_checkpoint(out, seed)


if __name__ == "__main__":
    app()
