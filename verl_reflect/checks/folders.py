"""Whatever a run writes can be written: its checkpoints, its samples, its log."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.finding import Doubt

LOG_FILE = "VERL_FILE_LOGGER_PATH"


def check_folders(run: Run) -> str:
    """Whatever a run writes can be written."""
    places = list(_places(run))
    for key, path in places:
        if "://" in str(path):
            raise UnfitError(f"{key} is {path}, and verl writes there as into a local folder; name one.")
        if fault := fault_of(path):
            remark = run.refuse(f"{key}: {fault}; name a folder that can be written to.")
            if isinstance(remark, Doubt):
                return remark
    return "can be written: " + ", ".join(sorted({str(path) for _, path in places}))


def _places(run: Run) -> Iterator[tuple[str, str]]:
    """Each folder or file, with what names it."""
    yield "trainer.default_local_dir", run.get("trainer.default_local_dir")
    for key in ("trainer.rollout_data_dir", "trainer.validation_data_dir"):
        if folder := run.get(key):
            yield key, folder
    loggers = run.get("trainer.logger")
    names = [loggers] if isinstance(loggers, str) else loggers
    if "file" in names:
        yield _of_log(run, run.environment)
    if "tensorboard" in names and (folder := run.environment.get("TENSORBOARD_DIR")):
        yield "TENSORBOARD_DIR", folder


def _of_log(run: Run, environment: Mapping[str, str]) -> tuple[str, str]:
    """verl makes the folder of the log only where it chooses it itself."""
    if path := environment.get(LOG_FILE):
        if not os.path.isdir(folder := os.path.dirname(path) or "."):
            raise UnfitError(f"{LOG_FILE} is {path}, and there is no folder {folder}; make it.")
        if os.path.isdir(path):
            raise UnfitError(f"{LOG_FILE} is {path}, which is a folder; name a file.")
        return LOG_FILE, folder
    if "/" in (name := run.get("trainer.experiment_name")):
        raise UnfitError(
            f"trainer.experiment_name is {name}, and the logger file writes <name>.jsonl into one folder; leave out /, "
            f"or set the variable {LOG_FILE}."
        )
    root = os.path.expanduser(environment.get("VERL_FILE_LOGGER_ROOT", "."))
    return "trainer.project_name", os.path.join(root, run.get("trainer.project_name"))


def fault_of(path: str) -> str | None:
    """Why nothing can be written into a folder that is there or is to be made; None if something can."""
    folder = Path(path)
    try:
        while not folder.exists():
            if folder.is_symlink():
                return f"{folder} is a link that leads nowhere"
            folder = folder.parent
        if not folder.is_dir():
            return f"{folder} is a file"
        if not os.access(folder, os.W_OK | os.X_OK):
            return f"{folder} may not be written to"
        with tempfile.TemporaryFile(dir=folder):  # rights say nothing of a disk that is full or read-only
            return None
    except (OSError, ValueError) as error:
        return f"nothing can be written to {folder} ({error})"
