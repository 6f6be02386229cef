"""A file that cannot be written is named, and what stood there before is still there."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from limits import files_of_at_most

from verl_reflect.data.rejections import Rejections
from verl_reflect.records.parquet import write_dataset, write_table
from verl_reflect.records.whole_file import add_whole, write_whole

ROWS = [{"text": str(n) * 50} for n in range(5_000)]


def reject(path: Path) -> None:
    with Rejections(path) as rejections:
        for row in range(5_000):
            rejections.add(row, "malformed")
        rejections.publish()


WRITERS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: write_whole(path, "x" * 50_000),
    "more": lambda path: add_whole(path, b"x" * 50_000),
    "rows": lambda path: write_dataset(path, ROWS, {}),
    "table": lambda path: write_table(path, pa.Table.from_pylist(ROWS), {}),
    "rejections": reject,
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_ends_in_a_sentence_and_destroys_nothing(tmp_path: Path, writer: str) -> None:
    path = tmp_path / "there"
    path.write_text("before")
    with files_of_at_most(10_000), pytest.raises(OSError) as refused:
        WRITERS[writer](path)
    assert str(refused.value) == f"{path} cannot be written (File too large); make room there, or choose another place."
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path], "nothing else is left"


@pytest.mark.parametrize("writer", WRITERS)
def test_a_place_where_nothing_can_be_is_named(tmp_path: Path, writer: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"^/.*/file/there cannot be written \((Not a directory|File exists)\)"):
        WRITERS[writer](tmp_path / "file" / "there")


def test_a_disk_that_says_only_at_the_end_that_it_is_full(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"^/dev/full cannot be written \(No space left on device\)"):
        add_whole(Path("/dev/full"), b"x")
