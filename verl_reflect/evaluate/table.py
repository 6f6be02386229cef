"""The results as tables: for a terminal and as Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from verl_reflect.evaluate.measures import Accuracy, Contrast, PassAt, Results
from verl_reflect.evaluate.record import FIRST_TRY
from verl_reflect.records.markdown import markdown_table

NAMES = {
    FIRST_TRY: "first try",
    "reflect": "reflect, retry",
    "blind": "blind retry",
    "fixed": "fixed sentence, retry",
    "swapped": "swapped reflection, retry",
    "stored": "stored reflection, retry",
}


@dataclass(frozen=True)
class Grid:
    """A table of texts."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def rich(self) -> Table:
        """For a terminal."""
        table = Table(*map(escape, self.header), title=escape(self.title), title_justify="left", box=SIMPLE)
        for row in self.rows:
            table.add_row(*map(escape, row))
        return table

    def markdown(self) -> str:
        """For a model card."""
        header, *rows = ([cell.replace("|", "\\|") for cell in line] for line in (self.header, *self.rows))
        return f"**{self.title}**\n\n{markdown_table(header, rows)}\n"


def grids(found: Results) -> Iterator[Grid]:
    """The tables of one data source that have something in them."""
    yield from success_grids(found)
    yield category_grid(f"{found.data_source}: answers by error category", found.categories)


def success_grids(found: Results) -> Iterator[Grid]:
    """Those of how often what passes: accuracies, differences, pass@k."""
    yield Grid(
        f"{found.data_source}: accuracy, % (95 % interval)",
        ("", "of", "accuracy", "items", "answers"),
        [_accuracy(each) for each in found.accuracies],
    )
    if found.contrasts:
        yield Grid(
            f"{found.data_source}: differences on the same answers, points (95 % interval)",
            ("", "compared with", "of", "difference", "p", "fixed", "broken"),
            [_contrast(each) for each in found.contrasts],
        )
    if found.pass_at:
        yield _pass_at(found.data_source, found.pass_at)


def category_grid(title: str, categories: Mapping[str, Mapping[str, int]]) -> Grid:
    """Error categories as rows, kinds of try as columns; counts with their share."""
    names = sorted({category for counts in categories.values() for category in counts})
    rows = [
        (category or "(no category)", *(_share(counts, category) for counts in categories.values()))
        for category in names
    ]
    return Grid(title, ("", *(NAMES.get(tried, tried) for tried in categories)), rows)


def p_value(p: float) -> str:
    """To three digits; what no number of draws could tell from 0 is not called 0."""
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def name_of(tried: str, within: int = 1) -> str:
    """A try in words; `x2` after a second round of it."""
    return NAMES.get(tried, tried) + (f" x{within}" if within > 1 else "")


def _accuracy(found: Accuracy) -> tuple[str, ...]:
    name = name_of(found.tried, found.within)
    return name, found.of, found.accuracy.percent(), f"{found.items:,}", f"{found.answers:,}"


def _contrast(found: Contrast) -> tuple[str, ...]:
    change = found.change
    return (
        name_of(found.second),
        name_of(found.first),
        found.of,
        change.difference.percent("+"),
        p_value(change.p),
        f"{change.fixed:,}",
        f"{change.broken:,}",
    )


def _pass_at(data_source: str, found: Sequence[PassAt]) -> Grid:
    ks = sorted({each.k for each in found})
    tried = dict.fromkeys(each.tried for each in found)
    cells = {(each.tried, each.k): each.accuracy.percent() for each in found}
    rows = [(name_of(name), *(cells.get((name, k), "") for k in ks)) for name in tried]
    return Grid(f"{data_source}: pass@k, % (95 % interval)", ("", *(f"k = {k}" for k in ks)), rows)


def _share(counts: Mapping[str, int], category: str) -> str:
    count, total = counts.get(category, 0), sum(counts.values())
    return f"{count:,} ({100 * count / total:.1f} %)" if total else "0"
