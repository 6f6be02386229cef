"""Files that are whole or not there at all: a full disk costs the new one, never the one that stood in its place."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Let an OSError say in one sentence which file it is about, why, and what to do: most of them do not."""
    try:
        yield
    except OSError as error:
        if error.errno is None and str(path) in str(error):
            raise  # it does
        why = os.strerror(error.errno) if error.errno else error
        raise OSError(f"{path} cannot be written ({why}); make room there, or choose another place.") from error


def temporary_path(path: Path) -> Path:
    """The hidden file beside `path` in which this process prepares it."""
    return path.with_name(f".{path.name}.{os.getpid()}")


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file, with its folder. Raises OSError, in one sentence; what stood there before is then still there."""
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    make_whole(path, lambda temporary: temporary.write_bytes(data))


def make_whole(path: Path, make: Callable[[Path], object]) -> None:
    """Let `make` write a file beside `path`, put it on the disk, and then in place. Raises OSError, in one sentence."""
    temporary = temporary_path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            make(temporary)
            put_in_place(temporary, path)
        finally:
            discard(temporary)


def discard(path: Path) -> None:
    """Remove a file that may not be there, nor its folder."""
    with suppress(FileNotFoundError, NotADirectoryError):
        path.unlink()


def discard_prepared(folder: Path, process_id: int) -> None:
    """Remove the hidden files that another process prepared in a folder, and died."""
    for path in folder.glob(f".*.{process_id}"):
        discard(path)


def put_in_place(temporary: Path, path: Path) -> None:
    """Rename a finished file once all of it is on the disk: a full one may say so only then."""
    descriptor = os.open(temporary, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(temporary, path)


def add_whole(path: Path, data: bytes) -> None:
    """Append to a file, or leave it as it was. Raises OSError, in one sentence."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            append(descriptor, data)
        finally:
            os.close(descriptor)


def append(descriptor: int, data: bytes) -> None:
    """The same with an open file. An OSError leaves no half line for a later write to go on from."""
    size, left = os.fstat(descriptor).st_size, data
    try:
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    except OSError:
        with suppress(OSError):  # of a device, which has no size
            os.ftruncate(descriptor, size)
        raise
