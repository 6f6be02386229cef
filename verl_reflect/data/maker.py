"""Makes a task's files from a source: verl's rows in parquet, a card each, and the list of what was malformed.

The source is read twice, so that memory does not grow with it: first for the key of each item (`splits`), from which
follows what goes where, then for the rows, which are written as they are made.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from verl_reflect import __version__
from verl_reflect.data.rejections import Rejections
from verl_reflect.data.sources import Source
from verl_reflect.data.split_file import SplitFile
from verl_reflect.data.splits import LEFT_OUT, Sizes, Survey, assign, check_disjoint, key_of
from verl_reflect.progress import Bar, progress
from verl_reflect.tasks.base import Item, Task
from verl_reflect.tasks.record import Record, read_item

SHOWN_CHARS = 200
"""Of a response that is judged wrongly, in the error."""


@dataclass(frozen=True)
class Made:
    """What became of a source."""

    paths: list[Path]
    rows: int
    """In all files together."""
    duplicates: int
    rejected: int
    rejections: Path
    """Where the malformed records are listed, if there are any."""
    first_rejection: str


def make_dataset(
    task: Task,
    source: Source,
    sizes: Sizes,
    *,
    seed: int,
    out: Path,
    wanted: Callable[[Item], bool] = lambda item: True,
    shown: Callable[[str], AbstractContextManager[Bar]] = progress,
) -> Made:
    """Write a parquet file and a card for each split of `sizes` to the folder `out`.

    The same arguments give the same bytes. No item is in two splits, nor twice in one, and asking for more rows of a
    later split leaves the earlier ones as they are. Rows stand in the order of the source. No file appears before all
    are made.

    Args:
        wanted: Items for which it is false are passed over.
        shown: Shows how far it is.

    Raises:
        ValueError: in one sentence: no usable record, too few items, a gold response that the task rejects, a corrupted
            one that it accepts, or values that no parquet column takes.
        OSError: from reading the source or writing.
    """
    with ExitStack() as stack:
        bar = stack.enter_context(shown("records read"))
        rejections = stack.enter_context(Rejections(out / "rejected.jsonl"))
        records = _counted(source.records(), bar, "records read")
        survey = _survey(task, records, seed, wanted, rejections)
        splits, filled = _assigned(source, sizes, survey, rejections)
        files = [stack.enter_context(SplitFile(out, split)) for split in sizes]
        records = _counted(source.records(), bar, f"of {survey.records:,} records looked at once more")
        _write_rows(task, source.name, records, splits, files, seed)
        check_disjoint([file.keys for file in files], filled)
        for file in files:
            file.close()
        card = {**_card(task, source, seed, filled), **_counts(survey, rejections)}
        paths = [file.publish(card) for file in files]
        rejections.publish()
    rows = sum(filled.values())
    return Made(paths, rows, survey.usable - survey.different, rejections.count, rejections.path, rejections.first)


def _counted(records: Iterable[Record], bar: Bar, what: str) -> Iterator[Record]:
    for number, record in enumerate(records, start=1):
        yield record
        bar.update(number, what=what)


def _survey(
    task: Task, records: Iterable[Record], seed: int, wanted: Callable[[Item], bool], rejections: Rejections
) -> Survey:
    """The first pass."""
    survey = Survey()
    for position, record in enumerate(records):
        survey.records += 1
        try:
            item = read_item(task, record)
            key = key_of(item.content, seed)
        except ValueError as error:
            rejections.add(position + 1, str(error))
            continue
        if wanted(item):
            survey.add(position, key)
    return survey


def _assigned(source: Source, sizes: Sizes, survey: Survey, rejections: Rejections) -> tuple[bytes, dict[str, int]]:
    if not survey.records:
        raise ValueError(f"{source.name} is empty")
    if rejections.count == survey.records:
        raise ValueError(f"{source.name} has no usable record among {survey.records}: {rejections.first}")
    try:
        return assign(survey, sizes, source.drawn_at_random)
    except ValueError as error:
        raise ValueError(f"{source.name}: {error}") from error


def _write_rows(
    task: Task, name: str, records: Iterable[Record], splits: bytes, files: list[SplitFile], seed: int
) -> None:
    """The second pass. Every item that is written is validated first."""
    for position, (record, split) in enumerate(zip(records, splits, strict=False)):
        if split == LEFT_OUT:
            continue
        item = read_item(task, record)
        for fault in task.validate([item]):
            shown = fault.response[:SHOWN_CHARS]
            raise ValueError(f"{name}, row {position + 1}: {fault.what}: {shown!r}")
        files[split].add(task, item, key_of(item.content, seed))


def _counts(survey: Survey, rejections: Rejections) -> dict[str, object]:
    """What became of the records, for the card."""
    return {
        "records": survey.records,
        "records_malformed": rejections.count,
        "records_duplicate": survey.usable - survey.different,
        "records_passed_over": survey.records - survey.usable - rejections.count,
    }


def _card(task: Task, source: Source, seed: int, sizes: dict[str, int]) -> dict[str, object]:
    wording = task.prompt_template
    return {
        **source.facts,
        "licence": source.licence,
        "made_by": f"verl-reflect {__version__}",
        "prompt_template": wording,
        "prompt_template_sha256": hashlib.sha256(wording.encode()).hexdigest(),
        "seed": seed,
        "sizes": sizes,
        "source": source.name,
        "task": f"{type(task).__module__}:{type(task).__name__}",
    }
