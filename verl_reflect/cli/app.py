"""The command `verl-reflect`."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from verl_reflect.cli.data import data, refusing_in_one_sentence
from verl_reflect.cli.terminal import end_like_an_interrupt
from verl_reflect.data.sources import iter_records
from verl_reflect.finding import Finding
from verl_reflect.mine.settings import MineSettings
from verl_reflect.report.extras import need_matplotlib

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Reflect, retry, reward on verl.")
app.add_typer(data, name="data")


@app.command()
def doctor(
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Hydra overrides, as for verl.trainer.main_ppo.")
    ] = None,
) -> None:
    """Say whether plugin, verl, rollout engine, Ray, platform, chat template and data fit together."""
    from verl_reflect.checks.doctor import examine

    with Console(stderr=True).status("Looking at the installation ..."):
        findings = list(examine(overrides or []))
    _print_findings(findings)
    raise typer.Exit(code=0 if all(finding.fit for finding in findings) else 1)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for data, log, transcripts and picture.")] = Path("runs/demo"),
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 1,
) -> None:
    """Train the tiny model's reflections on this machine's CPU and show first and second tries, before and after."""
    with refusing_in_one_sentence():
        need_matplotlib()
    from verl_reflect.demo.command import demo as run_demo
    from verl_reflect.demo.training import TrainingError

    end_like_an_interrupt()
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
    with refusing_in_one_sentence():
        need_matplotlib()
    from recipes.tiny_model.results import results as run_results
    from verl_reflect.demo.training import TrainingError

    end_like_an_interrupt()
    try:
        run_results(out, seeds or [1, 2], Path("docs"), Path("README.md"), Console())
    except TrainingError as error:
        raise SystemExit(str(error)) from error


@app.command()
def compare(
    out: Annotated[Path, typer.Option(help="Folder for the trainings; finished ones are not repeated.")] = Path(
        "runs/compare"
    ),
    seeds: Annotated[list[int] | None, typer.Option(help="Seeds; repeat the option for several.")] = None,
) -> None:
    """Train every credit choice and control over several seeds, and write the README's comparison."""
    from recipes.tiny_model.compare import SEEDS, Comparison
    from recipes.tiny_model.comparison_table import publish
    from verl_reflect.demo.training import TrainingError

    end_like_an_interrupt()
    comparison = Comparison(out, seeds or SEEDS)
    try:
        comparison.run(Console())
    except TrainingError as error:
        raise SystemExit(str(error)) from error
    publish(comparison, Path("docs"), Path("README.md"))


@app.command()
def replicate(
    out: Annotated[
        Path, typer.Option(help="Folder for what each cell came to; finished ones are not repeated.")
    ] = Path("runs/replicate"),
    small: Annotated[bool, typer.Option("--small", help="Without the models ten times larger.")] = False,
) -> None:
    """Ask the paper's questions of small models on all processors, and write docs/replication.md."""
    end_like_an_interrupt()
    with refusing_in_one_sentence():
        need_matplotlib()
        from recipes.replication.grid import TRAINED, Work
        from recipes.replication.replicate import replicate as run_replicate

        sizes = ["small"] if small else list(TRAINED)
        run_replicate(out, Path("docs"), Path("README.md"), Console(), Work(), sizes)


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
    from verl_reflect.tasks.contract import check_class, check_task
    from verl_reflect.tasks.registry import load_task

    with refusing_in_one_sentence():
        loaded = load_task(task)
        records = islice(iter_records(source), limit) if source else ()
        findings = list(check_task(loaded, records, limit_ms) if source else check_class(loaded))
    _print_findings(findings)
    if not source:
        typer.echo("Only the class was looked at: --source PATH checks its verdicts too.", err=True)
    raise typer.Exit(code=0 if all(finding.fit for finding in findings) else 1)


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
    end_like_an_interrupt()
    try:
        settings = MineSettings(samples, keep, stop_after, wave, seed, min_pass_rate, max_pass_rate, tries)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    from verl_reflect.mine.report import run_and_report

    raise typer.Exit(run_and_report(overrides or [], settings, out, data or [], in_flight))


@app.command()
def report(
    folders: Annotated[
        list[str],
        typer.Argument(
            help="Folders of runs and evaluations: PATH or LABEL=PATH; seeds share a label.", metavar="PATH"
        ),
    ],
    out: Annotated[Path, typer.Option(help="The page.")] = Path("report.html"),
    plots: Annotated[Path | None, typer.Option(help="Also write each plot as PNG and SVG into this folder.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Also write the results as a Markdown table.")] = None,
) -> None:
    """One HTML file of what trainings and evaluations did: results, curves, errors, cost, and every transcript."""
    with refusing_in_one_sentence():
        from verl_reflect.report.command import write_report

        for path in write_report(folders, out, plots, markdown):
            typer.echo(path)


@app.command()
def watch(
    run: Annotated[Path, typer.Argument(help="A run's folder with metrics.jsonl, or verl's log file itself.")],
    steps: Annotated[int | None, typer.Option(help="Steps of the run, if its Hydra folder is not in it.")] = None,
) -> None:
    """Follow a training in one line: step, first and second try, reward, tokens a second, time left."""
    from verl_reflect.cli.watch import watch as watch_run

    with refusing_in_one_sentence():
        watch_run(run, steps, Console())


@app.command(name="eval")
def evaluate(
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Hydra overrides, as for verl.trainer.main_ppo.")
    ] = None,
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


@app.command()
def eval_compare(
    before: Annotated[Path, typer.Argument(help="Folder of an evaluation.")],
    after: Annotated[Path, typer.Argument(help="Folder of another one, on the same data.")],
) -> None:
    """What training changed: two evaluations, answer by answer, with intervals and p-values."""
    from verl_reflect.evaluate.console import compare_and_report

    raise typer.Exit(compare_and_report(before, after))


def _print_findings(findings: Iterable[Finding]) -> None:
    table = Table("", "check", "remark", box=None, pad_edge=False)
    for finding in findings:
        mark = "[red]no[/]" if not finding.fit else "[yellow]??[/]" if finding.doubtful else "[green]ok[/]"
        table.add_row(mark, finding.check, escape(finding.remark))
    Console(soft_wrap=True).print(table)
