"""What is done so far, so that a killed run goes on: one JSON line a finished piece, on the disk before it counts.

The first line says what the lines belong to. A process that dies while writing leaves a last line without an end; it
is cut off when the journal is opened again. The file is locked while it is open: two runs cannot write to it.
"""

import asyncio
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, TypeVar

Piece = TypeVar("Piece")
"""A dataclass: what a line holds."""


class JournalError(RuntimeError):
    """The journal is not one that this run can go on with."""


class Journal(Generic[Piece]):
    """An open journal.

    Attributes:
        earlier: What earlier runs finished, in the order in which they did.
    """

    def __init__(self, path: Path, belongs_to: Mapping[str, Any], read: Callable[[dict[str, Any]], Piece]):
        """Open it, or begin it.

        Args:
            belongs_to: What must be the same for a run to go on with it, by name.
            read: Makes a piece of the fields of a line. Raises ValueError, TypeError or KeyError for other fields.

        Raises:
            JournalError: another run is writing to it, it belongs to another model, data or settings, or a line in
            its middle cannot be read.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            self._lock_file()
            self.earlier: list[Piece] = []
            lines = self._whole_lines()
            if lines:
                self._check(lines[0], belongs_to)
                self.earlier = list(self._read(lines[1:], read))
            else:
                self._write([_line(belongs_to)])
                _sync_folder(path.parent)
        except BaseException:
            os.close(self._file)
            raise
        self._waiting: list[bytes] = []
        self._next_write: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    def close(self) -> None:
        """Let others have it."""
        os.close(self._file)

    async def append(self, piece: Piece) -> None:
        """Add a piece and return once it is on the disk. Pieces that come meanwhile share the next write."""
        self._waiting.append(_line(asdict(piece)))  # type: ignore[call-overload]  # a type variable cannot say dataclass
        if self._next_write is None:
            self._next_write = asyncio.create_task(self._write_waiting())
        await asyncio.shield(self._next_write)

    async def _write_waiting(self) -> None:
        async with self._writing:
            lines, self._waiting, self._next_write = self._waiting, [], None
            await asyncio.get_running_loop().run_in_executor(None, self._write, lines)

    def _write(self, lines: list[bytes]) -> None:
        size, left = os.fstat(self._file).st_size, b"".join(lines)
        try:
            while left:
                left = left[os.write(self._file, left) :]
            os.fsync(self._file)
        except OSError:  # such as a full disk: leave no half line for a later write to go on from
            os.ftruncate(self._file, size)
            raise

    def _lock_file(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JournalError(
                f"Another run is writing to {self.path}; wait for it, or choose another --out."
            ) from None

    def _whole_lines(self) -> list[bytes]:
        """The lines of the file, which is cut after the last one that has an end."""
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.ftruncate(self._file, len(whole))
        return whole.splitlines()

    def _check(self, first_line: bytes, belongs_to: Mapping[str, Any]) -> None:
        wanted = json.loads(_line(belongs_to))
        try:
            found = json.loads(first_line)
        except ValueError:
            found = {}
        if found == wanted:
            return
        names = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
        raise JournalError(
            f"{self.path} belongs to a run with another {', '.join(names)}; remove it to start anew, or choose another "
            "--out."
        )

    def _read(self, lines: list[bytes], read: Callable[[dict[str, Any]], Piece]) -> Iterator[Piece]:
        for number, line in enumerate(lines, start=2):
            try:
                yield read(json.loads(line))
            except (ValueError, TypeError, KeyError) as error:
                raise JournalError(
                    f"Line {number} of {self.path} cannot be read ({error}); remove that line."
                ) from error


def _sync_folder(folder: Path) -> None:
    """Put a new file's name on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _line(fields: Mapping[str, Any]) -> bytes:
    return (json.dumps(fields, ensure_ascii=False) + "\n").encode()
