"""What one run left in its folder: the sessions and the metrics of each step, of this run alone and each step once.

A run that went on after a kill has several starts (records/run.py). A step that was done again is the later start's,
and what an earlier start did beyond the checkpoint that a later one went on from is no part of the run.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from verl_reflect.records.metrics_log import FILE_NAME as METRICS
from verl_reflect.records.metrics_log import StepMetrics, last_step, read_run
from verl_reflect.records.run import FILE_NAME as STARTS
from verl_reflect.records.run import Start, read_starts
from verl_reflect.records.transcripts import Transcript, read_transcript_file

Steps = Mapping[int, Sequence[Transcript]]


@dataclass(frozen=True)
class RunFolder:
    """A run, as its folder has it."""

    validations: Steps
    rollouts: Steps
    metrics: Sequence[StepMetrics]
    start: Start | None
    """The latest. None: files of an earlier version, which did not say."""
    remarks: Sequence[str]
    """What a reader should know, in sentences."""

    @classmethod
    def read(cls, folder: Path) -> "RunFolder":
        """Raises ValueError, in one sentence, for files that cannot be read and for those of more than one run."""
        files = sorted(_files(folder), key=lambda file: file.step)
        metrics, starts = read_run(folder / METRICS), _starts(folder)
        mine = _one_run(folder, files, starts, bool(metrics))
        nameless = [file for file in files if not file.run and _replaced(file, mine)]
        files = [file for file in files if not _replaced(file, mine)]
        if not mine:
            _check_not_left_over(folder, files, metrics)
        kinds = {kind: {f.step: f.sessions for f in files if f.validation is kind} for kind in (True, False)}
        return cls(
            kinds[True],
            kinds[False],
            metrics,
            mine[-1] if mine else None,
            [*_left_out(nameless), *_doubts(files, mine)],
        )


@dataclass(frozen=True)
class _File:
    """The transcripts of one step."""

    path: Path
    step: int
    sessions: Sequence[Transcript]

    @property
    def validation(self) -> bool:
        return self.sessions[0].validate

    @property
    def run(self) -> str:
        return self.sessions[0].run

    @property
    def start(self) -> int:
        return self.sessions[0].start


def _files(folder: Path) -> Iterator[_File]:
    for path in folder.glob("*/transcripts/*.jsonl"):
        if not path.stem.isdecimal():
            raise ValueError(f"{path} should be named after its step, as in 40.jsonl.")
        if sessions := read_transcript_file(path):
            yield _File(path, int(path.stem), sessions)


def _starts(folder: Path) -> dict[str, dict[int, Start]]:
    """The starts that the folder tells of, by run and number. The run of the metrics comes first."""
    found: dict[str, dict[int, Start]] = {}
    for path in (folder / Path(METRICS).with_suffix(f".{STARTS}"), *sorted(folder.glob(f"*/{STARTS}"))):
        for start in read_starts(path):
            found.setdefault(start.run, {})[start.number] = start
    return found


def _one_run(
    folder: Path, files: Sequence[_File], starts: Mapping[str, Mapping[int, Start]], logged: bool
) -> Sequence[Start]:
    """The starts of the run whose files these are; none if they do not say."""
    of_metrics = read_starts(folder / Path(METRICS).with_suffix(f".{STARTS}")) if logged else []
    whose = {file.run: str(file.path) for file in files if file.run}
    whose |= {start.run: str(folder / METRICS) for start in of_metrics[-1:]}
    if len(whose) > 1:
        told = [f"{path} of {_in_words(run, starts)}" for run, path in whose.items()]
        raise ValueError(f"{folder} holds files of {len(whose)} runs ({', '.join(told)}); move those of one away.")
    return [start for run in whose for _, start in sorted(starts.get(run, {}).items())]


def _in_words(run: str, starts: Mapping[str, Mapping[int, Start]]) -> str:
    return min(starts[run].values(), key=lambda start: start.number).in_words if run in starts else f"run {run}"


def _replaced(file: _File, starts: Sequence[Start]) -> bool:
    """Whether a later start did not go on from what this file tells."""
    return any(
        start.number > file.start and start.after_step is not None and file.step > start.after_step for start in starts
    )


def _left_out(nameless: Sequence[_File]) -> Iterator[str]:
    if nameless:
        more = f" and {len(nameless) - 1} files more" if len(nameless) > 1 else ""
        yield f"{nameless[0].path}{more} had been there before the folder's run began; left out."


def _older_than_before(files: Sequence[_File]) -> Iterator[_File]:
    """Files of steps that were written before an earlier step was: what a run leaves whose folder another one took."""
    for kind in (True, False):
        newest = 0.0
        for file in (each for each in files if each.validation is kind):
            written = file.path.stat().st_mtime
            if written < newest:
                yield file
            newest = max(newest, written)


def _check_not_left_over(folder: Path, files: Sequence[_File], metrics: Sequence[StepMetrics]) -> None:
    """verl empties its log when it starts: a step beyond its end is another run's, unless somebody cut the log.

    A step's transcripts are written before it is logged.
    """
    for file in _older_than_before(files):
        if metrics and file.step > last_step(metrics) + 1:
            raise ValueError(
                f"{folder} holds files of two runs: {METRICS} ends at step {last_step(metrics)}, and {file.path} is "
                "an earlier one's; move that one's files away."
            )


def _doubts(files: Sequence[_File], starts: Sequence[Start]) -> Iterator[str]:
    """Where the times of the files alone speak, which a copy may have changed."""
    for file in () if starts else _older_than_before(files):
        yield f"{file.path} is older than that of an earlier step; if two runs wrote there, the numbers mix them."
        return
