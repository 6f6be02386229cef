"""Reads what a report is made from: the folder of a run, or of an evaluation.

A run has `metrics.jsonl` (verl's file logger), and `transcripts/<step>.jsonl` one folder down, of validations and of
training (`trainer.validation_data_dir`, `trainer.rollout_data_dir`). An evaluation has `summary.json` and
`transcripts.parquet`; one that was stopped has neither yet, but `journal.jsonl`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow.parquet

from verl_reflect.evaluate.measures import Results
from verl_reflect.evaluate.summary import Summary
from verl_reflect.records.metrics_log import FILE_NAME, StepMetrics, read_metrics
from verl_reflect.records.transcripts import Transcript, read_transcript, read_transcript_file
from verl_reflect.report.session import ShownSession, readable, with_conditions
from verl_reflect.report.settings import Settings

EVALUATION = "transcripts.parquet"
JOURNAL = "journal.jsonl"
_SEED = re.compile(r"(?P<label>.+)-(?P<seed>\d+)")

Sessions = Sequence[ShownSession]


@dataclass(frozen=True)
class Subject:
    """One training, or one evaluation of a model."""

    label: str
    """The same for trainings that differ in their seed only."""
    seed: str
    """Empty if the label has one source only."""
    validations: Mapping[int, Sessions] = field(default_factory=dict)
    """By step; a run's only."""
    rollouts: Mapping[int, Sessions] = field(default_factory=dict)
    """What was trained on, by step."""
    metrics: Sequence[StepMetrics] = ()
    settings: Settings = field(default_factory=Settings)
    before: Sessions = ()
    """Of a run its first validation, of an evaluation the first evaluation of the report. May be empty."""
    after: Sessions = ()
    """Of a run its last validation, of an evaluation itself."""
    before_name: str = ""
    after_name: str = ""
    results_before: Sequence[Results] = ()
    """What the evaluation `before` counted itself; empty for a run."""
    results: Sequence[Results] = ()
    """The same of `after`."""

    @property
    def name(self) -> str:
        """Label and seed, as people read them."""
        return f"{self.label}, seed {self.seed}" if self.seed else self.label

    @property
    def is_run(self) -> bool:
        """A training, not an evaluation."""
        return bool(self.validations or self.rollouts or self.metrics)


def read_sources(arguments: Iterable[str]) -> list[Subject]:
    """Read folders given as `PATH` or `LABEL=PATH`, in their order.

    Without a label it is the folder's name, less a number at the end, which is taken for the seed.

    Raises:
        ValueError, OSError: in one sentence, what cannot be read.
    """
    sources = [_read(*_named(argument)) for argument in arguments]
    if not sources:
        raise ValueError("Name at least one folder of a run or an evaluation.")
    return list(_compared(_told_apart(sources)))


def _named(argument: str) -> tuple[Path, str, str]:
    """Folder, label and seed."""
    label, equals, path = argument.partition("=")
    folder = Path(path if equals and not Path(argument).exists() else argument)
    found = _SEED.fullmatch(folder.resolve().name)
    seed = found["seed"] if found else ""
    if folder == Path(path) and equals:
        return folder, readable(label), seed
    return folder, readable(found["label"] if found else folder.resolve().name), seed


def _told_apart(sources: Sequence[Subject]) -> Iterator[Subject]:
    """Sources of one label with seeds that differ: those of their folders, or else their number."""
    for source in sources:
        same = [each for each in sources if each.label == source.label]
        if len({each.seed for each in same}) == len(same) > 1 and source.seed:
            yield source
        else:
            number = next(n for n, each in enumerate(same, start=1) if each is source)
            yield replace(source, seed=str(number) if len(same) > 1 else "")


def _compared(sources: Iterable[Subject]) -> Iterator[Subject]:
    """Evaluations with the first of them as what was before."""
    first: Subject | None = None
    for source in sources:
        if source.is_run or first is None:
            yield source
            first = first or (None if source.is_run else source)
        else:
            yield replace(source, before=first.after, before_name=first.name, results_before=first.results)


def _read(folder: Path, label: str, seed: str) -> Subject:
    if not folder.is_dir():
        raise ValueError(f"There is no folder {folder}; name the folder of a run or an evaluation.")
    if (folder / EVALUATION).exists() or (folder / JOURNAL).exists():
        return _evaluation(folder, label, seed)
    return _run(folder, label, seed)


def _evaluation(folder: Path, label: str, seed: str) -> Subject:
    """Conversations that were given up or not judged are left out, as the evaluation itself leaves them out."""
    counted = Summary.read(folder).results
    results = [replace(each, data_source=readable(each.data_source)) for each in counted]
    path = folder / EVALUATION
    lines = enumerate(pyarrow.parquet.read_table(path).to_pylist(), start=1)
    transcripts = [read_transcript(line, path, number) for number, line in lines]
    judged = [told for told in transcripts if not told.given_up and not told.metrics["verifier_error"]]
    sessions = _shown(path, judged)
    return Subject(label, seed, settings=Settings.of(folder), after=sessions, after_name=label, results=results)


def _run(folder: Path, label: str, seed: str) -> Subject:
    validations: dict[int, Sessions] = {}
    rollouts: dict[int, Sessions] = {}
    for path in sorted(folder.glob("*/transcripts/*.jsonl"), key=_step):
        sessions = _shown(path, read_transcript_file(path))
        if sessions:
            of_its_kind = validations if sessions[0].validation else rollouts
            of_its_kind[_step(path)] = sessions
    metrics = read_metrics(folder / FILE_NAME) if (folder / FILE_NAME).exists() else []
    if not (validations or rollouts or metrics):
        raise ValueError(
            f"{folder} has neither {FILE_NAME} nor */transcripts/*.jsonl (a run), nor {EVALUATION} (an evaluation)."
        )
    before, after = (min(validations), max(validations)) if validations else (0, 0)
    return Subject(
        label,
        seed,
        validations,
        rollouts,
        metrics,
        Settings.of(folder),
        before=validations[before] if before != after else (),
        after=validations[after] if validations else (),
        before_name=f"before training (step {before})" if before == 0 else f"step {before}",
        after_name=f"after training (step {after})",
    )


def _step(path: Path) -> int:
    try:
        return int(path.stem)
    except ValueError as error:
        raise ValueError(f"{path} should be named after its step, as in 40.jsonl.") from error


def _shown(path: Path, transcripts: Iterable[Transcript]) -> list[ShownSession]:
    return with_conditions([_session(path, number, told) for number, told in enumerate(transcripts, start=1)])


def _session(path: Path, number: int, told: Transcript) -> ShownSession:
    try:
        return ShownSession.of(told)
    except (ValueError, KeyError) as error:
        raise ValueError(f"{path}, session {number}, is not a transcript of this package ({error}).") from error
