"""What is done so far, so that a killed run goes on: one JSON line a finished piece, on the disk before it counts.

The first line says what the lines belong to, and when the run began. A process that dies while writing leaves a last
line without an end; it is cut off when the journal is opened again. The file is locked while it is open: two runs
cannot write to it.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Generic, TypeVar

from verl_reflect.records.growing_file import GrowingFile, LockedError

Piece = TypeVar("Piece")
"""A dataclass: what a line holds."""
BEGAN = "began"
"""The key of the first line that says when."""


class JournalError(RuntimeError):
    """The journal is not one that this run can go on with."""


class Journal(Generic[Piece]):
    """An open journal.

    Attributes:
        earlier: What earlier runs finished, in the order in which they did.
        run: The identity of the run, for all that it leaves behind: the same however often it was killed.
    """

    def __init__(self, path: Path, belongs_to: Mapping[str, Any], read: Callable[[dict[str, Any]], Piece]):
        """Open it, or begin it.

        Args:
            belongs_to: What must be the same for a run to go on with it, by name.
            read: Makes a piece of the fields of a line. Raises ValueError, TypeError or KeyError for other fields.

        Raises:
            JournalError: another run is writing to it, it belongs to another model, data or settings, or a line in
            its middle cannot be read.
            OSError: in one sentence, it cannot be written.
        """
        self.path = path
        try:
            self._file = GrowingFile(path)
        except LockedError:
            raise JournalError(f"Another run is writing to {path}; wait for it, or choose another --out.") from None
        try:
            self.earlier: list[Piece] = []
            lines = self._file.lines()
            if lines:
                self._check(lines[0], belongs_to)
                self.earlier = list(self._read(lines[1:], read))
            else:
                began = datetime.now(timezone.utc).isoformat(timespec="seconds")
                lines = [_line({**belongs_to, BEGAN: began})]
                self._file.append(lines)
            self.run = _identity(lines[0].rstrip(b"\n"))
        except BaseException:
            self._file.close()
            raise
        self._waiting: list[bytes] = []
        self._next_write: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    def close(self) -> None:
        """Let others have it."""
        self._file.close()

    async def append(self, piece: Piece) -> None:
        """Add a piece and return once it is on the disk. Pieces that come meanwhile share the next write.

        Raises OSError, in one sentence, for all that shared the write.
        """
        self._waiting.append(_line(asdict(piece)))  # type: ignore[call-overload]  # a type variable cannot say dataclass
        if self._next_write is None:
            self._next_write = asyncio.create_task(self._write_waiting())
        await asyncio.shield(self._next_write)

    async def _write_waiting(self) -> None:
        async with self._writing:
            lines, self._waiting, self._next_write = self._waiting, [], None
            await asyncio.get_running_loop().run_in_executor(None, self._file.append, lines)

    def _check(self, first_line: bytes, belongs_to: Mapping[str, Any]) -> None:
        wanted = json.loads(_line(belongs_to))
        try:
            found = {name: value for name, value in json.loads(first_line).items() if name != BEGAN}
        except (ValueError, AttributeError):
            raise JournalError(
                f"{self.path} is not the journal of a run; remove it to start anew, or choose another --out."
            ) from None
        if found == wanted:
            return
        names = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
        raise JournalError(
            f"{self.path} belongs to a run with {_in_words(names)}; remove it to start anew, or choose another --out."
        )

    def _read(self, lines: list[bytes], read: Callable[[dict[str, Any]], Piece]) -> Iterator[Piece]:
        for number, line in enumerate(lines, start=2):
            try:
                yield read(json.loads(line))
            except (ValueError, TypeError, KeyError) as error:
                raise JournalError(
                    f"Line {number} of {self.path} cannot be read ({error}); remove that line."
                ) from error


_WORDS = {
    "chat_template": "another chat template",
    "data": "other data",
    "longest_prompt": "another data.max_prompt_length",
    "reflect": "another reflect section",
    "rounds": "another number of rounds",
    "sampling": "other sampling parameters",
    "settings": "other settings",
}
"""For names that are no words for people."""


def _in_words(names: list[str]) -> str:
    """Such as `another model and other settings`."""
    *rest, last = [_WORDS.get(name, f"another {name}") for name in names]
    return f"{', '.join(rest)} and {last}" if rest else last


def _identity(first_line: bytes) -> dict[str, str]:
    """A hash of what the run is and when it began. A journal of an earlier version does not know when."""
    facts = json.loads(first_line)
    return {"id": hashlib.sha256(first_line).hexdigest()[:12], BEGAN: facts.get(BEGAN, "")}


def _line(fields: Mapping[str, Any]) -> bytes:
    return (json.dumps(fields, ensure_ascii=False) + "\n").encode()
