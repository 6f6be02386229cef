"""What the commands share: refusals of one sentence, the table of findings, and an end that cleans up."""

import codecs
import io
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from verl_reflect.finding import Finding

Overrides = Annotated[list[str] | None, typer.Argument(help="Hydra overrides, as for verl.trainer.main_ppo.")]


@contextmanager
def refusing_in_one_sentence() -> Iterator[None]:
    """End the command with exit code 2 and one line on stderr for what cannot be done."""
    try:
        yield
    except (ValueError, OSError) as error:
        typer.echo(f"verl-reflect: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(code=2) from error


PLAIN = {
    "Δ": "change",
    "·": "-",
    "−": "-",
    "—": "-",
    "\N{EN DASH}": "-",
    "…": "...",
    "“": '"',
    "”": '"',
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "×": "x",
    "→": "->",
    "≥": ">=",
    "≤": "<=",
    "✓": "ok",
    "✗": "no",
    "\N{NO-BREAK SPACE}": " ",
}
"""What stands for signs of ours where only ASCII can be written; for any other it is a question mark."""


def write_what_the_terminal_can() -> None:
    """Let no sign that the terminal's encoding lacks end a command (PYTHONIOENCODING=ascii, LC_ALL=POSIX)."""
    codecs.register_error("verl_reflect.plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="verl_reflect.plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    lost = error.object[error.start : error.end]
    return "".join(PLAIN.get(sign, "?") for sign in lost), error.end


def end_like_an_interrupt() -> None:
    """Let SIGTERM unwind the stack as Ctrl-C does, so that what we started or prepared ends with us."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def print_findings(findings: Sequence[Finding]) -> int:
    """Print a line for each, and return the exit code: 1 if one is not fit."""
    table = Table("", "check", Column("remark", overflow="fold"), box=None, pad_edge=False)
    for finding in findings:
        mark = "[red]no[/]" if not finding.fit else "[yellow]??[/]" if finding.doubtful else "[green]ok[/]"
        table.add_row(mark, finding.check, escape(finding.remark))
    Console(soft_wrap=True).print(table)
    return 0 if all(finding.fit for finding in findings) else 1
