"""Checks of a run's data: files that verl can read together, rows that can be asked and judged."""

from collections.abc import Iterable
from functools import partial

from omegaconf import ListConfig

from verl_reflect.checks.agent_loop import agent_loops
from verl_reflect.checks.failures import check_attempts
from verl_reflect.checks.files import READ, DataFile, is_remote, open_files, rows_of_piece
from verl_reflect.checks.rows import TAKEN, Expected, fault_of, odd_rows
from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.config import FirstAttempt
from verl_reflect.finding import Doubt
from verl_reflect.rollout.judge import fault, judgements
from verl_reflect.rollout.reward_function import RewardFunction
from verl_reflect.tasks.registry import task_for

TRAINING = "data.train_files"
ROWS_JUDGED = 256


def rows_of(named: Iterable[tuple[str, str]]) -> int | None:
    """Rows of these (key, path) together; None if one of the files is fetched only when the run starts.

    Raises:
        UnfitError: one is not there, cannot be read or has no rows.
    """
    files = list(named)
    counts = [file.count for file in open_files(files)]
    return None if any(is_remote(path) for _, path in files) else sum(counts)


def check_data(run: Run) -> str:
    """Every data file is there and has the columns, every row can be asked, and the first ones can be judged."""
    _check_names(run)
    counts, doubts = list[str](), list[str]()
    for key in (TRAINING, "data.val_files"):
        first: DataFile | None = None
        for file in open_files(each for each in run.files() if each[0] == key):
            doubts += check_file(run, file)
            doubts += _check_attempts(run, file)
            first = first or file
            _check_together(first, file)
            counts.append(f"{file.path.rpartition('/')[2]} ({file.count} rows)")
    counts += [f"{path} (not looked into)" for _, path in run.files() if is_remote(path)]
    return Doubt(" ".join(doubts)) if doubts else ", ".join(counts)


def check_file(run: Run, file: DataFile, *, reflects: bool = True) -> list[str]:
    """Look at all rows of a file, and return what is doubtful of them.

    Args:
        reflects: The model is asked to reflect on its failures at them.

    Raises:
        UnfitError: a column is missing, or a row cannot be asked, judged or handed on.
    """
    _check_columns(run, file)
    doubts = _check_rows(file, _expected(run, file, reflects))
    _check_verdicts(run, file)
    return doubts


def _check_names(run: Run) -> None:
    """What verl says of a file by its name alone. It takes the name as it is: `~` is no one's home there."""
    for key in (TRAINING, "data.val_files"):
        paths = run.config.data[key.removeprefix("data.")]
        for path in paths if isinstance(paths, ListConfig) else [paths]:
            if str(path).startswith("~"):
                raise UnfitError(f"{key}: verl does not know what {path} begins with; write $HOME or the whole path.")
            if not str(path).endswith(READ) and not is_remote(str(path)):
                raise UnfitError(f"{key}: verl reads files that end in {', '.join(READ)}, which {path} does not.")
    if run.settings.sampler == "edge" and run.config.data.train_files == run.config.data.val_files:
        raise UnfitError(
            f"data.val_files are data.train_files ({run.config.data.train_files}), and reflect.sampler=edge cannot "
            "tell a validation on them from the training; name a copy, or set reflect.sampler=uniform."
        )


def _check_attempts(run: Run, file: DataFile) -> list[str]:
    """Those that this run shows to the model. A validation always takes the stored ones that there are."""
    source = run.settings.first_attempt
    if file.key == TRAINING and source is FirstAttempt.live:
        return []
    return check_attempts(run, file, needed=file.key == TRAINING and source is FirstAttempt.dataset)


def _check_columns(run: Run, file: DataFile) -> None:
    needed = {run.config.data.prompt_key, "data_source", "reward_model"}
    if file.key == TRAINING and run.settings.first_attempt is FirstAttempt.dataset:
        needed.add("first_attempt")
    if missing := ", ".join(sorted(needed.difference(file.names))):
        advice = "set reflect.first_attempt=live or add the failed attempts" if missing == "first_attempt" else "add it"
        raise UnfitError(f"{file.key}: {file.path} has no column {missing}; {advice}.")
    if taken := sorted(TAKEN.intersection(file.names)):
        raise UnfitError(
            f"{file.key}: {file.path} has the column {taken[0]}, a name that verl's agent loop uses itself; rename it."
        )
    if len(set(file.names)) < len(file.names):
        raise UnfitError(f"{file.key}: {file.path} has two columns of one name among {', '.join(file.names)}.")
    if strange := file.strange_column:
        raise UnfitError(f"{file.key}: {file.path} has the column {strange}, a type that verl cannot read; change it.")


def _check_rows(file: DataFile, expected: Expected) -> list[str]:
    doubts: dict[str, str] = {}
    before = 0
    for piece in file.pieces(expected.columns):
        odd = odd_rows(piece, expected)
        rows = rows_of_piece(piece) if odd else []
        for number in odd:
            found = fault_of(rows[number], expected)
            if found and not isinstance(found, Doubt):
                raise UnfitError(f"{file.place(before + number)} {found}")
            if found:
                doubts.setdefault(found, f"{file.place(before + number)} {found}")
        before += len(piece)
    return list(doubts.values())


def _expected(run: Run, file: DataFile, reflects: bool) -> Expected:
    data = run.config.data
    return Expected(
        prompt_key=data.prompt_key,
        media_keys=tuple(data.get(f"{kind}_key", f"{kind}s") for kind in ("image", "video", "audio")),
        loops=frozenset(agent_loops(run)),
        training=file.key == TRAINING,
        data_source_fault=partial(_data_source_fault, run, reflects),
    )


def _data_source_fault(run: Run, reflects: bool, source: str) -> str | None:
    """There must be a task that judges, or that at least asks for a reflection."""
    judged_by_task = RewardFunction.from_config(run.config).judges_by_task
    if not judged_by_task and (run.settings.reflection_prompt is not None or not reflects):
        return None
    try:
        task_for(source, run.settings.tasks)
    except ValueError as error:
        if judged_by_task:
            return f"cannot be judged: {error}"
        return f"is of {source}, for which there is no task to ask for a reflection; set reflect.reflection_prompt."
    return None


def _check_verdicts(run: Run, file: DataFile) -> None:
    """The first rows can be judged, and their first attempts are failures."""
    if not RewardFunction.from_config(run.config).judges_by_task:
        return  # a user's function may take long
    rows = file.first(ROWS_JUDGED)
    attempts = [row.get("first_attempt") for row in rows]
    texts = [attempt if isinstance(attempt, str) else "" for attempt in attempts]
    trains_on_failures = file.key == TRAINING and run.settings.first_attempt is not FirstAttempt.live
    for number, verdict in enumerate(judgements(run.config, list(zip(texts, rows, strict=True)))):
        if verdict.error:
            raise UnfitError(f"{file.place(number)} cannot be judged: {fault(verdict)}")
        if trains_on_failures and attempts[number] is not None and verdict.passed:
            raise UnfitError(
                f"{file.place(number)} has a first_attempt that passes, so there is nothing to reflect on; "
                "remove the row."
            )


def _check_together(first: DataFile, other: DataFile) -> None:
    """verl puts the files of a key together, and wants one type for each of their columns."""
    from datasets import Dataset, Features, concatenate_datasets

    for name in first.features.keys() & other.features.keys():
        types = [first.features[name], other.features[name]]
        try:
            concatenate_datasets([Dataset.from_dict({name: [None]}, features=Features({name: each})) for each in types])
        except ValueError as error:
            raise UnfitError(
                f"{other.key}: the column {name} of {other.path} is {types[1]}, and that of {first.path} is "
                f"{types[0]}; write both in the same way."
            ) from error
