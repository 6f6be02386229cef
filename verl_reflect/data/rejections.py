"""Keeps the list of malformed records: which row, and why."""

import json
from pathlib import Path
from types import TracebackType
from typing import IO

from verl_reflect.records.whole_file import discard, put_in_place, temporary_path, writing

MAX_REASON_CHARS = 500


class Rejections:
    """Collects rejected records in a file that appears with the data: `{"row": 7, "reason": "..."}` a line.

    Rows count from 1. Where nothing is rejected there is no file, and an older one is removed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self.first = ""
        """The first of them in words, `""` where there is none."""
        self._temporary = temporary_path(path)
        self._file: IO[str] | None = None

    def __enter__(self) -> "Rejections":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._close()
        except OSError:
            if kind is None:
                raise
        finally:
            discard(self._temporary)

    def add(self, row: int, reason: str) -> None:
        """Note one record."""
        short = " ".join(reason.split())[:MAX_REASON_CHARS]
        with writing(self.path):
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._temporary.open("w", encoding="utf-8")
                self.first = f"row {row}: {short}"
            self._file.write(json.dumps({"row": row, "reason": short}) + "\n")
        self.count += 1

    def publish(self) -> None:
        """Put the list in place."""
        if self._file is None:
            self.path.unlink(missing_ok=True)
            return
        self._close()
        with writing(self.path):
            put_in_place(self._temporary, self.path)

    def _close(self) -> None:
        with writing(self.path):
            if self._file is not None:
                self._file.close()
