"""Where the sessions of each step are written, and what a full disk costs: the transcripts of a step, not the training.

verl dumps its rows into the same folders, from a thread whose first error ends the training. So where there is no room,
it is told to leave out that step's dump, too: it looks at each step whether the folder is set.
"""

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from omegaconf import DictConfig

from verl_reflect.records.run import Start
from verl_reflect.records.transcripts import Transcript, transcript_file, write_transcripts
from verl_reflect.records.whole_file import temporary_path, writing

TRAINING, VALIDATING = "rollout_data_dir", "validation_data_dir"
VERLS_SHARE = 4
"""Room for verl's dump, in sizes of our file: it repeats the task for each row, and has no token ids."""

logger = logging.getLogger(__name__)


class TranscriptFolders:
    """The two folders of a run.

    Args:
        trainer: The section of that name, which verl's trainer looks at, too.
        start: What the transcripts say of where they come from.
    """

    def __init__(self, trainer: DictConfig, start: Start):
        self._trainer, self._start = trainer, start
        self._folders = {key: trainer[key] for key in (TRAINING, VALIDATING)}
        self._last_written: Path | None = None

    def write(self, sessions: Sequence[Transcript], step: int, validating: bool) -> None:
        """Write the sessions of a step; a validation may come in several batches. A full disk is a warning."""
        key = VALIDATING if validating else TRAINING
        if not self._folders[key]:
            return
        path = transcript_file(Path(self._folders[key]), step)
        told = [replace(each, run=self._start.run, start=self._start.number) for each in sessions]
        try:
            write_transcripts(path, told, append=path == self._last_written)
            self._last_written = path
            _check_room(path.parent.parent, VERLS_SHARE * path.stat().st_size)
        except OSError as error:
            logger.warning("verl-reflect: step %s is not in trainer.%s, and training goes on: %s", step, key, error)
            self._trainer[key] = None
        else:
            self._trainer[key] = self._folders[key]


def _check_room(folder: Path, size: int) -> None:
    """Raise OSError, in one sentence, if a file of this size (bytes) does not fit."""
    probe = temporary_path(folder / "room")
    with writing(folder):
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, max(size, 1))
        finally:
            os.close(descriptor)
            probe.unlink(missing_ok=True)
