"""The race: `python -m recipes.race --help`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from recipes.clone import DOCS
from recipes.ending import ending_well

app = typer.Typer(add_completion=False)


@app.command()
def race(
    out: Annotated[Path, typer.Option(help="Folder for the runs; finished ones are not repeated.")] = Path("runs/race"),
    model: Annotated[Path | None, typer.Option(help="A model's folder; without it the demo's tiny model.")] = None,
    hardware: Annotated[str, typer.Option(help="verl-reflect's choice of hardware, such as one_gpu.")] = "cpu",
    groups: Annotated[int, typer.Option(help="Groups a step, for a model's folder.")] = 4,
    steps: Annotated[int, typer.Option(help="Steps of each run; the first is part of the launch.")] = 11,
    rounds: Annotated[int, typer.Option(help="How often each runs.")] = 1,
    only: Annotated[list[str] | None, typer.Option(help="Those who run; repeat the option.")] = None,
    trl_python: Annotated[Path | None, typer.Option(help="An interpreter that has TRL.")] = None,
    section: Annotated[str | None, typer.Option(help="Of docs/performance.md: tiny or model. None is written.")] = None,
) -> None:
    """TRL, stock verl in two ways and verl-reflect, at the same work."""
    from recipes.race.contestants import CONTESTANTS
    from recipes.race.course import of_any_model, tiny
    from recipes.race.race import Race, medians
    from recipes.race.tables import publish, times
    from recipes.race.trl_environment import trl_environment

    with ending_well():
        data, console = out / "data", Console()
        course = tiny(data, steps) if model is None else of_any_model(model, data, groups, steps, hardware)
        if unknown := set(only or ()) - set(CONTESTANTS):
            raise ValueError(f"--only {min(unknown)} is nobody who runs; there are {', '.join(CONTESTANTS)}.")
        names = [name for name in CONTESTANTS if not only or name in only]
        interpreter = trl_python or (trl_environment(Path("runs/trl")) if "trl" in names else Path())
        laps = Race(course, out, names, rounds, interpreter.absolute()).laps(console)
        results = {name: medians(run) for name, run in laps.items()}
        console.print(times(results))
        if section:
            publish(results, section, DOCS)


if __name__ == "__main__":
    app()
