"""The journal: what it says is done is on the disk, and it can be opened whatever happened to its writer."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from verl_reflect.mine.journal import MiningJournal
from verl_reflect.mine.sampling import Failure, Sampled
from verl_reflect.records.journal import JournalError

RUN = {"model": "a", "settings": {"samples": 8}}


def sampled(query: int, **more: object) -> Sampled:
    return Sampled(query, passed=1, failed=2, categories={"wrong": 2}, kept=[Failure("né\n", [query, 7])], **more)  # type: ignore[arg-type]


def write(path: Path, *queries: Sampled) -> None:
    async def append(journal: MiningJournal) -> None:
        await asyncio.gather(*map(journal.append, queries))

    journal = MiningJournal(path, RUN)
    asyncio.run(append(journal))
    journal.close()


def read(path: Path) -> dict[int, Sampled]:
    journal = MiningJournal(path, RUN)
    journal.close()
    return journal.sampled


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.journal.jsonl"
    write(path, sampled(4), sampled(2))
    write(path, sampled(3))
    assert read(path) == {query: sampled(query) for query in (4, 2, 3)}


@pytest.mark.parametrize("torn", ['{"query": 5', '{"query": 5, "passed": 1}', "\x00\x00\x00"])
def test_a_line_without_an_end_is_cut_off_and_the_next_one_is_whole(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "x"
    write(path, sampled(1))
    whole = path.read_text()
    path.write_text(whole + torn)
    assert read(path) == {1: sampled(1)} and path.read_text() == whole
    path.write_text(whole + torn)
    write(path, sampled(5))
    assert read(path) == {1: sampled(1), 5: sampled(5)}


def test_a_journal_killed_at_its_first_line_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text('{"model":')
    write(path, sampled(1))
    assert read(path) == {1: sampled(1)}


def test_a_query_that_was_given_up_is_not_done(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write(path, sampled(1), sampled(2, error="3 requests failed"))
    assert read(path) == {1: sampled(1)}
    write(path, sampled(2))
    assert read(path) == {1: sampled(1), 2: sampled(2)}


def test_queries_that_come_together_share_a_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    fsync = os.fsync
    journal = MiningJournal(tmp_path / "x", RUN)
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(file), fsync(file)))

    async def append(query: int) -> None:
        await journal.append(sampled(query))
        assert f'"query": {query},' in (tmp_path / "x").read_text(), "it returned before its line was there"
        assert synced

    async def all_of_them() -> None:
        await asyncio.gather(*map(append, range(50)))

    asyncio.run(all_of_them())
    journal.close()
    assert len(synced) < 10 and len(read(tmp_path / "x")) == 50


def test_a_full_disk_fails_all_who_wait_and_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    write(path, sampled(1))
    before, write_some = path.read_bytes(), os.write
    journal = MiningJournal(path, RUN)

    def full(file: int, content: bytes) -> int:
        if len(content) > 10:
            return write_some(file, content[:-10])
        raise OSError(errno.ENOSPC, "No space left on device")

    async def append_two() -> list[object]:
        return await asyncio.gather(journal.append(sampled(2)), journal.append(sampled(3)), return_exceptions=True)

    monkeypatch.setattr(os, "write", full)
    assert [type(result) for result in asyncio.run(append_two())] == [OSError, OSError]
    monkeypatch.undo()
    journal.close()
    assert path.read_bytes() == before


def test_two_runs_cannot_write_to_it(tmp_path: Path) -> None:
    journal = MiningJournal(tmp_path / "x", RUN)
    with pytest.raises(JournalError, match="Another run is writing to"):
        MiningJournal(tmp_path / "x", RUN)
    journal.close()
    assert read(tmp_path / "x") == {}


def test_another_runs_journal_is_refused_by_what_differs(tmp_path: Path) -> None:
    write(tmp_path / "x", sampled(1))
    with pytest.raises(JournalError, match="belongs to a run with another model and another verl; remove it"):
        MiningJournal(tmp_path / "x", {**RUN, "model": "b", "verl": 1})


@pytest.mark.parametrize("line", ["no json", "{}", '{"query": 1, "kept": [], "unheard_of": 1}'])
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "x"
    write(path, sampled(1))
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(JournalError, match=r"Line 3 of .* cannot be read"):
        read(path)


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("my thesis\n")
    with pytest.raises(JournalError, match="is not the journal of a run; remove it"):
        read(path)
    assert path.read_text() == "my thesis\n"
