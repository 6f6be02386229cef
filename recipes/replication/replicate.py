"""`make replicate`: trains and examines every cell on all processors, and writes docs/replication.md, its numbers and
its picture.
"""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import active_children, get_context
from pathlib import Path

from rich.console import Console

from recipes.clone import write_section
from recipes.replication.checkpoints import missing_starts
from recipes.replication.findings import Findings, read_findings
from recipes.replication.grid import Cell, Work, cells, do
from recipes.replication.picture import draw
from recipes.replication.tables import TABLES, summary
from verl_reflect.progress import progress

PAGE = "replication.md"


def replicate(out: Path, docs: Path, readme: Path, console: Console, work: Work, sizes: Sequence[str]) -> None:
    """Do the cells that are not there yet, one a processor, and publish.

    Raises ValueError before anything is computed if a start is missing, or a page in which to write.
    """
    wanted = list(cells(sizes))
    _check_starts(wanted)
    _check_pages(docs / PAGE, readme)
    out.mkdir(parents=True, exist_ok=True)
    do_all([cell for cell in wanted if not cell.path(out).exists()], out, work, console)
    findings = read_findings(out, wanted)
    publish(findings, docs)
    write_section(readme, "replication", f"{summary(findings)}\n\nRegenerate: `make replicate`.")
    console.print(f"Written: {readme}, {docs / PAGE}, {docs / 'replication.json'}, {docs / 'replication.png'}")


def _check_starts(wanted: Sequence[Cell]) -> None:
    if missing := missing_starts(cell.start for cell in wanted):
        raise ValueError(
            f"The starts {', '.join(missing)} are not there: make them with "
            "python -m recipes.replication checkpoints, or leave out the large ones with --small."
        )


def _check_pages(*pages: Path) -> None:
    if missing := [str(page) for page in pages if not page.exists()]:
        raise ValueError(f"No {' and no '.join(missing)} to write the results in: run it from a clone of verl-reflect.")


def do_all(missing: Sequence[Cell], out: Path, work: Work, console: Console) -> None:
    """Do cells, as many at once as there are processors. The first that breaks ends all."""
    pool = ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn"))
    try:
        with progress("cells", len(missing), console=console) as bar:
            done = {pool.submit(do, cell, out, work): cell for cell in missing}
            for number, finished in enumerate(as_completed(done), start=1):
                finished.result()
                bar.update(number, done[finished].name)
    finally:
        _end(pool)


def _end(pool: ProcessPoolExecutor) -> None:
    """At once: left to itself, an executor that is interrupted first does all that waits in it."""
    pool.shutdown(wait=False, cancel_futures=True)
    for worker in active_children():
        worker.terminate()


def publish(findings: Findings, docs: Path) -> None:
    """Write tables, numbers and picture."""
    for name, table in TABLES.items():
        write_section(docs / PAGE, name, table(findings))
    numbers = {cell.name: results for cell, results in findings.cells.items()}
    (docs / "replication.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    draw(findings, docs / "replication.png")
