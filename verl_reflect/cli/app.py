"""The command `verl-reflect`: the commands that look at an installation or a task, and those of the other modules."""

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from verl_reflect import __version__
from verl_reflect.cli.data import data
from verl_reflect.cli.evaluate import eval_compare, evaluate
from verl_reflect.cli.mine import mine
from verl_reflect.cli.report import report
from verl_reflect.cli.terminal import (
    Overrides,
    end_like_an_interrupt,
    print_findings,
    refusing_in_one_sentence,
    write_what_the_terminal_can,
)
from verl_reflect.cli.watch import watch
from verl_reflect.progress import progress

app = typer.Typer(no_args_is_help=True, add_completion=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"verl-reflect {__version__}")
        raise typer.Exit


@app.callback()
def verl_reflect(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Reflect, retry, reward on verl."""
    write_what_the_terminal_can()


@app.command()
def doctor(overrides: Overrides = None) -> None:
    """Say whether plugin, verl, rollout engine, Ray, platform, chat template and data fit together."""
    from verl_reflect.checks.doctor import examine

    with progress("looking at the installation"):
        findings = list(examine(overrides or []))
    raise typer.Exit(print_findings(findings))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for data, log, transcripts and picture.")] = Path("runs/demo"),
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 1,
) -> None:
    """Train the tiny model's reflections on this machine's CPU and show first and second tries, before and after."""
    from verl_reflect.report.looks import need_matplotlib

    with refusing_in_one_sentence():
        need_matplotlib()
    from verl_reflect.demo.command import demo as run_demo
    from verl_reflect.demo.training import TrainingError

    end_like_an_interrupt()
    try:
        with refusing_in_one_sentence():
            run_demo(out, seed, Console())
    except TrainingError as error:
        raise SystemExit(str(error)) from error


@app.command()
def check_task(
    task: Annotated[str, typer.Argument(help="The task as module:Class.")],
    source: Annotated[
        str | None,
        typer.Option(help="Records to make items from: a file or hub data set, as for verl-reflect data custom."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Read at most this many records.")] = 1_000,
    limit_ms: Annotated[float, typer.Option(help="Milliseconds that a verdict may take.")] = 50.0,
) -> None:
    """Say whether a task keeps its promises: gold accepted, corruptions rejected, no response slows or breaks it."""
    from verl_reflect.data.sources import iter_records
    from verl_reflect.tasks.contract_apart import check_apart

    with refusing_in_one_sentence():
        records = list(islice(iter_records(source), limit)) if source else None
        findings = check_apart(task, records, limit_ms)
    code = print_findings(findings)
    if not source:
        typer.echo("Only the class was looked at: --source PATH checks its verdicts too.", err=True)
    raise typer.Exit(code)


app.command()(mine)
app.command()(report)
app.command()(watch)
app.command("eval")(evaluate)
app.command()(eval_compare)
app.add_typer(data, name="data")
