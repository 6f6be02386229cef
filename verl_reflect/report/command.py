"""`verl-reflect report`: reads the folders and writes the files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from verl_reflect.records.whole_file import write_whole
from verl_reflect.report.curves import reflection_curves, top_of, training_curves, validation_curves
from verl_reflect.report.markdown import markdown
from verl_reflect.report.page import page
from verl_reflect.report.reading import Subject
from verl_reflect.report.results import by_label


def write_report(sources: Sequence[Subject], out: Path, plots: Path | None, table: Path | None) -> Iterator[Path]:
    """Write the page and, where asked for, the plots as files and the table as Markdown; yield what is written.

    Raises:
        ValueError, OSError: in one sentence, what cannot be drawn or written.
    """
    yield _write(out, page(sources))
    if table:
        yield _write(table, markdown(sources))
    if plots:
        yield from _save_plots(sources, plots)


def _save_plots(sources: Sequence[Subject], folder: Path) -> Iterator[Path]:
    labels = list(by_label(sources))
    read_together = ([*validation_curves(sources), *training_curves(sources)], reflection_curves(sources))
    if any(read_together):
        from verl_reflect.report.plots import save  # needs matplotlib, which the page has asked for

        for curves in read_together:
            for curve in curves:
                yield from save(curve, labels, top_of(curves), folder)


def _write(path: Path, text: str) -> Path:
    write_whole(path, text)
    return path
