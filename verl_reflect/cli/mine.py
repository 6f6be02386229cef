"""The command `verl-reflect mine`."""

from pathlib import Path
from typing import Annotated

import typer

from verl_reflect.cli.terminal import Overrides, end_like_an_interrupt
from verl_reflect.mine.settings import MineSettings


def mine(
    overrides: Overrides = None,
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
    end_like_an_interrupt()
    try:
        settings = MineSettings(samples, keep, stop_after, wave, seed, min_pass_rate, max_pass_rate, tries)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    from verl_reflect.mine.console import run_and_report

    raise typer.Exit(run_and_report(overrides or [], settings, out, data or [], in_flight))
