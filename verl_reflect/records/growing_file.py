"""A file of lines that only grows, and that one process at a time may write to."""

import fcntl
import os
import time
from collections.abc import Sequence
from pathlib import Path

from verl_reflect.records.whole_file import append, writing

SECONDS_TO_A_LOCK = 0.5
"""Somebody who only looks whether it is locked holds it for a moment."""


class LockedError(RuntimeError):
    """Another process is writing to the file."""


class GrowingFile:
    """A file that is open for appending, locked until it is closed or this process ends.

    Raises:
        LockedError: another process has it.
        OSError: in one sentence, it cannot be made.
    """

    _file = -1

    def __init__(self, path: Path):
        self.path = path
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            new = not path.exists()
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            if new:
                _sync_folder(path.parent)
        try:
            self._lock()
        except BaseException:
            self.close()
            raise

    def _lock(self) -> None:
        until = time.monotonic() + SECONDS_TO_A_LOCK
        while not _locked_now(self._file, fcntl.LOCK_EX):
            if time.monotonic() > until:
                raise LockedError(f"Another process is writing to {self.path}.")
            time.sleep(0.02)

    def lines(self) -> list[bytes]:
        """What is in it. A last line without an end, which a dying process left, is cut off."""
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.ftruncate(self._file, len(whole))
        return whole.splitlines()

    def append(self, lines: Sequence[bytes]) -> None:
        """Add lines, each with its end; all on the disk, or none and an OSError in one sentence."""
        with writing(self.path):
            append(self._file, b"".join(lines))

    def close(self) -> None:
        """Let others have it. Twice is as good as once."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __del__(self) -> None:
        self.close()


def is_locked(path: Path) -> bool:
    """Whether a process has the file open as a `GrowingFile`. False for one that is not there."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        return not _locked_now(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _locked_now(descriptor: int, kind: int) -> bool:
    """Whether the lock could be had. A file system without locks gives it to everybody."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _sync_folder(folder: Path) -> None:
    """Put a new file's name on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
