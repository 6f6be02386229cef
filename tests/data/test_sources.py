"""Reading records: every kind of file gives the same ones, and what cannot be read is said in one line."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets.exceptions import DatasetNotFoundError
from huggingface_hub.errors import GatedRepoError

from verl_reflect.data.sources import iter_records
from verl_reflect.tasks.record import Unreadable

RECORDS = [{"question": "Is it?\n\u00e4 \u2028 b", "answer": "42"}, {"question": "2,3", "answer": '"x"'}]

FILES = {
    "lines.jsonl": "\n".join(json.dumps(record, ensure_ascii=False) for record in RECORDS),
    "lines.json": "\n\n".join(map(json.dumps, RECORDS)) + "\n",
    "array.json": "  \n" + json.dumps(RECORDS, indent=1),
    "table.csv": 'question,answer\n"Is it?\n\u00e4 \u2028 b",42\n"2,3","""x"""\n',
    "spreadsheet.csv": '\ufeffquestion,answer\r\n"Is it?\n\u00e4 \u2028 b",42\r\n"2,3","""x"""\r\n',
}


ENCODINGS = ("utf-8-sig", "utf-16", "utf-32")


@pytest.mark.parametrize("encoding", [*ENCODINGS, "utf-16-be", "utf-32-be"])
@pytest.mark.parametrize("name", [name for name in FILES if name != "spreadsheet.csv"])
def test_a_byte_order_mark_says_what_the_text_is_written_in(tmp_path: Path, name: str, encoding: str) -> None:
    """PowerShell's `>` makes UTF-16, spreadsheets mark their UTF-8, and an array after a mark is still an array."""
    path = tmp_path / name
    mark = "" if encoding in ENCODINGS else "\ufeff"  # these codecs write it themselves
    path.write_bytes((mark + FILES[name]).encode(encoding))
    assert list(iter_records(str(path))) == RECORDS


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_another_encoding_without_a_mark_is_refused(tmp_path: Path, name: str, encoding: str) -> None:
    (tmp_path / name).write_bytes(FILES[name].removeprefix("\ufeff").encode(encoding))
    with pytest.raises(ValueError, match="is not UTF-8 text and has no byte order mark: save it as UTF-8"):
        list(iter_records(str(tmp_path / name)))


@pytest.mark.parametrize("name", FILES)
def test_a_text_file_gives_its_records_each_time(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name].encode())
    assert list(iter_records(str(path))) == list(iter_records(str(path))) == RECORDS


def test_a_parquet_file_gives_its_records(tmp_path: Path) -> None:
    records = [{"numbers": [number], "text": str(number), "struct": {"a": None}} for number in range(3000)]
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "a.parquet")
    assert list(iter_records(str(tmp_path / "a.parquet"))) == records


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.jsonl", b'{"a": 1}\n{"a":\n{"a": 3}', "not JSON: Expecting value"),
        ("a.jsonl", b'{"a": 1}\n[1]\n{"a": 3}', "not an object with columns but [1]"),
        ("a.jsonl", b'{"a": 1}\n{"a": "\xff"}\n{"a": 3}', "not JSON: 'utf-8' codec can't decode"),
        ("a.jsonl", b'{"a": 1}\n' + b"[" * 200_000 + b'\n{"a": 3}', "not JSON: "),
        ("a.json", b'[{"a": 1}, 2, {"a": 3}]', "not an object with columns but 2"),
        ("a.csv", b"a\n1\n2,2\n3\n", "the number of cells is not that of the first row"),
        ("a.csv", b"a,b\n1,1\n2\n3,3\n", "the number of cells is not that of the first row"),
    ],
)
def test_a_record_that_cannot_be_read_says_so_and_the_others_follow(
    tmp_path: Path, name: str, text: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(text)
    first, second, third = iter_records(str(tmp_path / name))
    assert isinstance(second, Unreadable) and second.reason.startswith(reason)
    assert (str(first["a"]), str(third["a"])) == ("1", "3")


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("absent.jsonl", None, r"there is no file .*absent.jsonl"),
        ("notes.txt", b"hello", r"notes.txt is read only as one of .parquet, .json, .jsonl, .csv"),
        ("a.parquet", b"not parquet at all", r"a.parquet cannot be read as parquet: "),
        ("a.json", b'[{"a": 1},', r"a.json is not JSON: "),
        ("a.json", b'[{"a": "\xff"}]', r"a.json is not JSON: 'utf-8' codec"),
        ("a.json", b"[" * 200_000, r"a.json is not JSON: "),
        ("a.jsonl", '{"a": 1}\n{"a": 2}\n'.encode("utf-16")[:-1], r"a.jsonl cannot be read as utf-16: "),
        ("a.csv", b"a\n\xff\n", r"a.csv cannot be read as CSV: 'utf-8' codec"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_in_one_line(
    tmp_path: Path, name: str, content: bytes | None, fault: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises((ValueError, OSError), match=fault) as raised:
        list(iter_records(str(tmp_path / name)))
    assert "\n" not in str(raised.value)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    """Put another `load_dataset` in the place of the hub's."""

    def answer(load_dataset: Callable[..., Any]) -> None:
        monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))

    return answer


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("owner/name", ("owner/name", None, "train")),
        ("owner/name:main", ("owner/name", "main", "train")),
        ("owner/name:main:test", ("owner/name", "main", "test")),
        ("owner/name::test[:10]", ("owner/name", None, "test[:10]")),
    ],
)
def test_any_other_name_is_asked_of_the_hub(hub: Any, name: str, asked: tuple[str, str | None, str]) -> None:
    seen = []

    def load_dataset(repository: str, config: str | None, split: str) -> list[dict[str, str]]:
        seen.append((repository, config, split))
        return RECORDS

    hub(load_dataset)
    assert list(iter_records(name)) == RECORDS
    assert seen == [asked]


def gated(*_: object, **__: object) -> None:
    response = SimpleNamespace(status_code=401, headers={}, request=None)
    try:
        raise GatedRepoError("401 Client Error", response=response)  # type: ignore[arg-type]
    except GatedRepoError as error:
        raise DatasetNotFoundError("Dataset 'some/set' is a gated dataset on the Hub.") from error


def out_of_reach(*_: object, **__: object) -> None:
    raise ConnectionError("Couldn't reach 'some/set' on the Hub (LocalEntryNotFoundError)")


def without_config(*_: object, **__: object) -> None:
    raise ValueError("Config name is missing.\nPlease pick one among the available configs: ['main', 'socratic']")


@pytest.mark.parametrize(
    ("load_dataset", "advice"),
    [
        (gated, "some/set is gated: accept its terms .* `huggingface-cli login` or set HF_TOKEN"),
        (out_of_reach, "'some/set' is neither a file read here nor a data set that the hub gave: Couldn't reach"),
        (without_config, "Config name is missing. Please pick one among .*'main', 'socratic'"),
    ],
)
def test_a_hub_that_does_not_give_says_why_in_one_line(hub: Any, load_dataset: Any, advice: str) -> None:
    hub(load_dataset)
    with pytest.raises(OSError, match=advice) as raised:
        list(iter_records("some/set"))
    assert "\n" not in str(raised.value)
