"""The commands `verl-reflect eval` and `verl-reflect eval-compare`."""

from pathlib import Path
from typing import Annotated

import typer

from verl_reflect.cli.terminal import Overrides, end_like_an_interrupt


def evaluate(
    overrides: Overrides = None,
    out: Annotated[Path, typer.Option(help="Folder for transcripts, summary and journal.")] = Path("runs/eval"),
    data: Annotated[
        list[Path] | None, typer.Option(help="Parquet to evaluate on; repeat for several. Default: data.val_files.")
    ] = None,
    samples: Annotated[int, typer.Option(help="First attempts at each item.")] = 1,
    conditions: Annotated[
        str, typer.Option(help="Second tries, comma-separated: reflect, blind, fixed, swapped, stored.")
    ] = "reflect,blind",
    rounds: Annotated[int, typer.Option(help="Most second tries in a row.")] = 1,
    greedy: Annotated[bool, typer.Option(help="The likeliest token always; else rollout.val_kwargs.")] = False,
    tries: Annotated[int, typer.Option(help="Requests for an answer before its conversation is given up.")] = 3,
    in_flight: Annotated[int, typer.Option(help="Conversations at once; 0: twice what the servers hold.")] = 0,
) -> None:
    """First and second tries of a model, with controls, intervals and p-values. A killed run goes on if repeated."""
    end_like_an_interrupt()
    from verl_reflect.evaluate.console import run_and_report
    from verl_reflect.evaluate.settings import EvalSettings

    chosen = tuple(name.strip() for name in conditions.split(",") if name.strip())
    try:
        settings = EvalSettings(samples, chosen, rounds, greedy, tries)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    raise typer.Exit(run_and_report(overrides or [], settings, out, data or [], in_flight))


def eval_compare(
    before: Annotated[Path, typer.Argument(help="Folder of an evaluation.")],
    after: Annotated[Path, typer.Argument(help="Folder of another one, on the same data.")],
) -> None:
    """What training changed: two evaluations, answer by answer, with intervals and p-values."""
    from verl_reflect.evaluate.console import compare_and_report

    raise typer.Exit(compare_and_report(before, after))
