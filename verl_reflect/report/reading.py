"""Reads what a report is made from: the folder of a run, or of an evaluation.

A run has `metrics.jsonl` (verl's file logger), and `transcripts/<step>.jsonl` one folder down, of validations and of
training (`trainer.validation_data_dir`, `trainer.rollout_data_dir`). An evaluation has `summary.json` and
`transcripts.parquet`; one that was stopped has neither yet, but `journal.jsonl`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from verl_reflect.evaluate.measures import Results
from verl_reflect.evaluate.summary import Summary
from verl_reflect.records.metrics_log import FILE_NAME, StepMetrics
from verl_reflect.records.run import differences, seeds_of, settings_of
from verl_reflect.records.transcripts import Transcript, read_transcript
from verl_reflect.report.run_folder import RunFolder, Steps
from verl_reflect.report.session import ShownSession, readable, with_conditions
from verl_reflect.report.settings import Settings

EVALUATION = "transcripts.parquet"
JOURNAL = "journal.jsonl"
_SEED = re.compile(r"(?P<label>.+)-(?P<seed>\d+)")
_KEY = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")
_OF_EVALUATIONS = ("data", "sampling", "chat_template", "reflect", "settings")
"""What evaluations must have the same to be averaged."""

Sessions = Sequence[ShownSession]


@dataclass(frozen=True)
class Origin:
    """Where a source comes from, as far as its files say."""

    folder: Path
    identity: str
    """The same for the same run or evaluation, wherever it lies."""
    began: str = ""
    """In UTC, ISO 8601; empty if not known."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What decides what a run learns, or how an evaluation asks, by name."""
    seeds: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    """Of an evaluation. A run has it among its settings."""
    remarks: Sequence[str] = ()


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
    origin: Origin = field(default_factory=lambda: Origin(Path(), ""))

    @property
    def name(self) -> str:
        """Label and seed, as people read them."""
        return f"{self.label}, seed {self.seed}" if self.seed else self.label

    @property
    def is_run(self) -> bool:
        """A training, not an evaluation."""
        return bool(self.validations or self.rollouts or self.metrics)


def read_sources(arguments: Iterable[str]) -> list[Subject]:
    """Read folders given as `PATH` or `LABEL=PATH`, in their order. The same run or evaluation counts once.

    Without a label it is the folder's name, less a number at the end, which is taken for the seed.

    Raises:
        ValueError, OSError: in one sentence, what cannot be read, or is no seed of what has its label.
    """
    sources = [_read(*_named(argument)) for argument in arguments]
    if not sources:
        raise ValueError("Name at least one folder of a run or an evaluation.")
    once = list({source.origin.identity: source for source in reversed(sources)}.values())[::-1]
    _check_seeds(once)
    return list(_compared(_told_apart(once)))


def remarks(sources: Sequence[Subject]) -> list[str]:
    """What a reader should know of how these were read, in sentences."""
    found = [remark for source in sources for remark in source.origin.remarks]
    for number, source in enumerate(sources):
        seeds = source.origin.seeds
        twin = next(
            (o for o in sources[:number] if o.label == source.label and seeds and o.origin.seeds == seeds), None
        )
        if twin is not None and twin.is_run and source.is_run:
            found.append(
                f"{twin.origin.folder} and {source.origin.folder} have the same seeds, so they are repetitions."
            )
    return found


def _named(argument: str) -> tuple[Path, str, str]:
    """Folder, label and seed."""
    label, equals, path = argument.partition("=")
    folder = Path(path if equals and not Path(argument).exists() else argument)
    found = _SEED.fullmatch(folder.resolve().name)
    seed = found["seed"] if found else ""
    if folder == Path(path) and equals:
        return folder, readable(label), seed
    return folder, readable(found["label"] if found else folder.resolve().name), seed


def _check_seeds(sources: Sequence[Subject]) -> None:
    """Refuse to average what was not set alike."""
    first: dict[tuple[str, bool], Origin] = {}
    for source in sources:
        one, other = first.setdefault((source.label, source.is_run), source.origin), source.origin
        both_say = one.settings and other.settings
        if both_say and (changed := differences(one.settings, other.settings)):
            raise ValueError(
                f"{one.folder} and {other.folder} are both called {source.label}, as if only their seeds differed, but "
                f"they differ in {', '.join(changed[:3])}; give each a label of its own: LABEL={other.folder}."
            )


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
    summary = Summary.read(folder)
    results = [replace(each, data_source=readable(each.data_source)) for each in summary.results]
    path = folder / EVALUATION
    judged = [told for told in _evaluated(path) if not told.given_up and not told.metrics["verifier_error"]]
    sessions, facts = _shown(path, judged), summary.facts
    run = facts.get("run", {})
    origin = Origin(
        folder,
        run.get("id") or str(folder.resolve()),
        run.get("began", ""),
        {name: facts[name] for name in _OF_EVALUATIONS if name in facts},
        model=facts.get("model", {}).get("path", ""),
    )
    return Subject(
        label, seed, settings=Settings.of(folder), after=sessions, after_name=label, results=results, origin=origin
    )


def _evaluated(path: Path) -> Iterator[Transcript]:
    if not path.exists():
        raise ValueError(
            f"{path.parent} is an evaluation without {path.name}; repeat its verl-reflect eval, which writes it anew."
        )
    try:
        lines = pyarrow.parquet.read_table(path).to_pylist()
    except (OSError, pyarrow.ArrowException) as error:
        why = str(error).splitlines()[0]
        raise ValueError(
            f"{path} cannot be read ({why}); repeat its verl-reflect eval, which writes it anew."
        ) from error
    yield from (read_transcript(line, path, number) for number, line in enumerate(lines, start=1))


def _run(folder: Path, label: str, seed: str) -> Subject:
    found, settings = RunFolder.read(folder), Settings.of(folder)
    validations, rollouts = _shown_steps(folder, found.validations), _shown_steps(folder, found.rollouts)
    if not (validations or rollouts or found.metrics):
        raise ValueError(_why_empty(folder))
    before, after = (min(validations), max(validations)) if validations else (0, 0)
    return Subject(
        label,
        seed,
        validations,
        rollouts,
        found.metrics,
        settings,
        before=validations[before] if before != after else (),
        after=validations[after] if validations else (),
        before_name=f"before training (step {before})" if before == 0 else f"step {before}",
        after_name=f"after training (step {after})",
        origin=_origin(folder, found, settings),
    )


def _origin(folder: Path, found: RunFolder, settings: Settings) -> Origin:
    """Of a run. One of an earlier version is known by the keys of its sessions, which are random."""
    if found.start:
        start = found.start
        return Origin(folder, start.run, start.began, start.settings, start.seeds, remarks=found.remarks)
    told = (
        session for steps in (found.validations, found.rollouts) for of_step in steps.values() for session in of_step
    )
    key = next((session.group for session in told if _KEY.fullmatch(session.group)), str(folder.resolve()))
    written = settings.configuration
    return Origin(folder, key, "", settings_of(written), seeds_of(written), remarks=found.remarks)


def _why_empty(folder: Path) -> str:
    if (folder / FILE_NAME).exists():
        return (
            f"{folder} is a run without a step yet: its {FILE_NAME} is empty; verl-reflect watch {folder} follows it."
        )
    return f"{folder} has neither {FILE_NAME} nor */transcripts/*.jsonl (a run), nor {EVALUATION} (an evaluation)."


def _shown_steps(folder: Path, steps: Steps) -> dict[int, Sessions]:
    return {step: _shown(folder / f"*/transcripts/{step}.jsonl", sessions) for step, sessions in steps.items()}


def _shown(path: Path, transcripts: Iterable[Transcript]) -> list[ShownSession]:
    return with_conditions([_session(path, number, told) for number, told in enumerate(transcripts, start=1)])


def _session(path: Path, number: int, told: Transcript) -> ShownSession:
    try:
        return ShownSession.of(told)
    except (ValueError, KeyError) as error:
        raise ValueError(f"{path}, session {number}, is not a transcript of this package ({error}).") from error
