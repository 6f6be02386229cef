"""`python -m recipes.gpu_check`: does the plugin work on this machine?"""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from recipes.ending import ending_well
from recipes.gpu_check import page
from recipes.gpu_check.answers import Answer
from recipes.gpu_check.launch import LaunchError

Overrides = Annotated[list[str] | None, typer.Argument(help="As on verl's command line; they win.")]


def main(
    overrides: Overrides = None,
    data: Annotated[Path, typer.Option(help="Folder with train.parquet and validation.parquet.")] = Path("data"),
    out: Annotated[Path, typer.Option(help="A new folder for all that the check leaves.")] = Path("runs/gpu_check"),
) -> None:
    """Launch verl's own GRPO and the method, kill and resume it, and ask whether all is as it should be."""
    with ending_well():
        if out.exists() and any(out.iterdir()):
            raise ValueError(f"{out} is not empty; name another folder with --out.")
        out.mkdir(parents=True, exist_ok=True)
        answers = _asked(data, out, overrides or [])
    print(page.verdict(answers))
    sys.exit(any(answer.holds is False for answer in answers))


def _asked(data: Path, out: Path, overrides: list[str]) -> list[Answer]:
    from recipes.gpu_check import machine
    from recipes.gpu_check.check import Check
    from recipes.gpu_check.trainings import Trainings

    started, answers, console = time.monotonic(), list[Answer](), Console(soft_wrap=True, highlight=False)
    check = Check(Trainings(out, data, overrides))
    try:
        for answer in check.ask():
            answers.append(answer)
            console.print(f"{time.monotonic() - started:4.0f} s  {answer}", markup=False)
    except LaunchError as error:
        answers.append(Answer("every launch ends well", str(error).partition(";")[0], False))
        console.print(str(error), markup=False)
    minutes = f"{(time.monotonic() - started) / 60:.1f}"
    facts = {**machine.description(), "overrides": " ".join(overrides), "minutes": minutes}
    written = page.write(out, facts, answers, check.steps)
    console.print(f"Written: {written}, {out / page.NUMBERS}", markup=False)
    return answers


if __name__ == "__main__":
    typer.run(main)
