"""The command `verl-reflect report`."""

from pathlib import Path
from typing import Annotated

import typer

from verl_reflect.cli.terminal import refusing_in_one_sentence


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
        from verl_reflect.report.reading import read_sources, remarks

        sources = read_sources(folders)
        for remark in remarks(sources):
            typer.echo(f"verl-reflect: {remark}", err=True)
        for path in write_report(sources, out, plots, markdown):
            typer.echo(path)
