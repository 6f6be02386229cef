"""Making files from a source: splits, duplicates, malformed records, faults, and a process that is killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verl_reflect.data.maker import Made, make_dataset
from verl_reflect.data.sources import Source, open_source
from verl_reflect.data.split_file import ROWS_PER_GROUP
from verl_reflect.data.splits import Survey, assign, check_disjoint, key_of
from verl_reflect.records.parquet import card_path
from verl_reflect.tasks.base import PASSED, Item, Task, Verdict, failed


class Echo(Task):
    """Say a word; a record is `{"word": ...}`."""

    data_sources = ("echo",)
    categories = ("wrong", "none")
    reflection_prompt = "Reflect."
    prompt_template = "Say {word}"

    def item(self, record: Any) -> Item:
        word = record["word"]
        if not word.strip():
            raise ValueError("the word\nis blank")
        return Item([{"role": "user", "content": f"Say {word}"}], {"word": word}, gold=word)

    def judge(self, response: str, ground_truth: Any) -> Verdict:
        return PASSED if response == ground_truth["word"] else failed("wrong")

    def corruptions(self, item: Item) -> Iterable[str]:
        return [item.gold + "!"]


class AcceptsAll(Echo):
    def judge(self, response: str, ground_truth: Any) -> Verdict:
        return PASSED


class RejectsSeven(Echo):
    def judge(self, response: str, ground_truth: Any) -> Verdict:
        return failed("wrong") if response == "word 7" else super().judge(response, ground_truth)


class NoGold(RejectsSeven):
    def item(self, record: Any) -> Item:
        made = super().item(record)
        return Item(made.messages, made.ground_truth)


SIZES = {"test": 3, "validation": 4, "train": None}


def records(count: int) -> list[dict[str, Any]]:
    return [{"word": f"word {number}"} for number in range(count)]


def make(out: Path, given: list[Any], *, task: Task | None = None, seed: int = 1, **sizes: int | None) -> Made:
    source = Source("a test", lambda: iter(given))
    return make_dataset(task or Echo(), source, {**SIZES, **sizes}, seed=seed, out=out)


def rows(out: Path, split: str) -> list[dict[str, Any]]:
    return pq.read_table(out / f"{split}.parquet").to_pylist()


def words(out: Path, split: str) -> list[str]:
    return [row["reward_model"]["ground_truth"]["word"] for row in rows(out, split)]


def test_every_record_is_in_one_split(tmp_path: Path) -> None:
    made = make(tmp_path, records(30))
    assert [path.name for path in made.paths] == ["test.parquet", "validation.parquet", "train.parquet"]
    assert [len(words(tmp_path, split)) for split in SIZES] == [3, 4, 23]
    assert sorted(chain.from_iterable(words(tmp_path, split) for split in SIZES)) == sorted(
        r["word"] for r in records(30)
    )
    assert (made.rows, made.duplicates, made.rejected) == (30, 0, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        name for split in SIZES for name in (f"{split}.parquet", f"{split}.card.json")
    )


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text("abc", max_size=2), min_size=12), st.integers(0, 99), st.integers(1, 3), st.integers(1, 3))
def test_splits_are_disjoint_and_complete_whatever_the_source_holds(
    tmp_path_factory: pytest.TempPathFactory, given_words: list[str], seed: int, test: int, validation: int
) -> None:
    distinct = set(filter(None, given_words))
    out = tmp_path_factory.mktemp("data")
    given = [{"word": word} for word in given_words]
    if len(distinct) <= test + validation:
        with pytest.raises(ValueError, match=r"are wanted|no usable record"):
            make(out, given, seed=seed, test=test, validation=validation)
        return
    made = make(out, given, seed=seed, test=test, validation=validation)
    found = [words(out, split) for split in SIZES]
    assert [len(found[0]), len(found[1])] == [test, validation]
    assert sorted(chain.from_iterable(found)) == sorted(distinct)
    assert made.rejected == given_words.count("")
    assert made.duplicates == len(given_words) - given_words.count("") - len(distinct)


def test_duplicates_are_dropped_and_counted(tmp_path: Path) -> None:
    made = make(tmp_path, [*records(20), *records(15)])
    assert (made.rows, made.duplicates) == (20, 15)
    card = json.loads(card_path(tmp_path / "train.parquet").read_text())
    assert (card["records"], card["records_duplicate"], card["rows"]) == (35, 15, 13)


def test_the_same_arguments_give_the_same_bytes_and_another_seed_other_splits(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        make(tmp_path / name, [*records(50), {"word": " "}], seed=seed)
    for file in sorted((tmp_path / "a").iterdir()):
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file
    assert words(tmp_path / "a", "test") != words(tmp_path / "c", "test")


def test_more_training_rows_leave_the_held_out_files_alone(tmp_path: Path) -> None:
    make(tmp_path / "few", records(50), train=5)
    make(tmp_path / "many", records(50), train=40)
    assert set(words(tmp_path / "few", "train")) < set(words(tmp_path / "many", "train"))
    for split in ("test", "validation"):
        assert rows(tmp_path / "few", split) == rows(tmp_path / "many", split)


def test_another_order_of_the_source_gives_the_same_splits(tmp_path: Path) -> None:
    make(tmp_path / "there", records(50), train=5)
    make(tmp_path / "back", records(50)[::-1], train=5)
    for split in SIZES:
        assert words(tmp_path / "there", split) == words(tmp_path / "back", split)[::-1]


def test_rows_come_in_groups_and_count_through_them(tmp_path: Path) -> None:
    count = 2 * ROWS_PER_GROUP + 10
    make(tmp_path, records(count + 7))
    assert pq.ParquetFile(tmp_path / "train.parquet").num_row_groups == 3
    assert [row["extra_info"]["index"] for row in rows(tmp_path, "train")] == list(range(count))


def test_malformed_records_are_listed_with_their_row_and_reason(tmp_path: Path) -> None:
    given = [*records(10), {"word": " "}, *records(20)[10:], {"words": "x"}, {"word": 3}, {"word": "\ud800"}]
    made = make(tmp_path, given)
    assert made.rejections == tmp_path / "rejected.jsonl"
    listed = [json.loads(line) for line in made.rejections.read_text().splitlines()]
    assert [entry["row"] for entry in listed] == [11, 22, 23, 24]
    assert [entry["reason"] for entry in listed[:2]] == ["the word is blank", "there is no column 'word'"]
    assert (made.rejected, made.rows, made.first_rejection) == (4, 20, "row 11: the word is blank")
    assert json.loads(card_path(tmp_path / "test.parquet").read_text())["records_malformed"] == 4


def test_a_list_of_malformed_records_goes_when_there_are_none_any_more(tmp_path: Path) -> None:
    make(tmp_path, [*records(10), {}])
    assert (tmp_path / "rejected.jsonl").exists()
    make(tmp_path, records(10))
    assert not (tmp_path / "rejected.jsonl").exists()


@pytest.mark.parametrize(
    ("given", "task", "sizes", "fault"),
    [
        ([], Echo(), {}, "a test is empty"),
        ([{"w": 1}, {"w": 2}], Echo(), {}, "a test has no usable record among 2: row 1: there is no column 'word'"),
        ([{"word": 1}], Echo(), {}, r"no usable record among 1: row 1: AttributeError: 'int' object has no attribute"),
        (records(7), Echo(), {}, "a test: 7 different items are there, and 8 are wanted"),
        (records(20), Echo(), {"train": 14}, "a test: 20 different items are there, and 21 are wanted"),
        (records(20), Echo(), {"test": 0}, "each split needs at least one row"),
        (records(20), RejectsSeven(), {}, "a test, row 8: the gold response is rejected: 'word 7'"),
        (records(20), AcceptsAll(), {}, "a test, row 1: a corrupted response is accepted: 'word 0!'"),
    ],
)
def test_what_cannot_be_made_is_said_in_one_sentence_and_leaves_nothing(
    tmp_path: Path, given: list[Any], task: Task, sizes: dict[str, int], fault: str
) -> None:
    with pytest.raises(ValueError, match=fault) as raised:
        make(tmp_path, given, task=task, **sizes)
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_items_without_a_gold_response_have_none_to_reject(tmp_path: Path) -> None:
    assert make(tmp_path, records(20), task=NoGold()).rows == 20


def test_a_failed_run_leaves_the_old_files(tmp_path: Path) -> None:
    make(tmp_path, records(20))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="row 8"):
        make(tmp_path, [*records(30), {}], task=RejectsSeven())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_source_that_changes_meanwhile_is_noticed(tmp_path: Path) -> None:
    runs: Iterator[list[dict[str, Any]]] = iter([records(20), [*records(10), *records(10)]])
    with pytest.raises(ValueError, match="other records when it was read again"):
        make_dataset(Echo(), Source("a test", lambda: iter(next(runs))), SIZES, seed=1, out=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_key_twice_or_a_split_too_short_is_noticed() -> None:
    from array import array

    check_disjoint([array("Q", [1, 2]), array("Q", [3])], {"test": 2, "train": 1})
    for second, size in (([2], 1), ([3], 2)):
        with pytest.raises(ValueError, match="other records"):
            check_disjoint([array("Q", [1, 2]), array("Q", second)], {"test": 2, "train": size})


def test_records_drawn_at_random_are_taken_as_they_come() -> None:
    survey = Survey()
    for position in range(5):
        survey.records += 1
        survey.add(position, key_of(str(position), seed=3))
    splits, sizes = assign(survey, {"test": 2, "train": None}, in_order=True)
    assert (list(splits), sizes) == ([0, 0, 1, 1, 1], {"test": 2, "train": 3})


def test_the_card_tells_the_wording(tmp_path: Path) -> None:
    make(tmp_path, records(20))
    card = json.loads(card_path(tmp_path / "train.parquet").read_text())
    assert card["prompt_template"] == "Say {word}"
    assert len(card["prompt_template_sha256"]) == 64
    assert card["task"].endswith(":Echo")


SLOW_RUN = """
import itertools, sys, time
from pathlib import Path
sys.path.insert(0, {folder!r})
from test_maker import Echo, records
from verl_reflect.data.maker import make_dataset
from verl_reflect.data.sources import Source

passes = itertools.count()

def slowly():
    second = next(passes) == 1
    for number, record in enumerate(records(20_000)):
        if second and number == 15_000:
            print("mid-way", flush=True)
            time.sleep(60)
        yield record

make_dataset(Echo(), Source("slow", slowly), {{"test": 3, "train": None}}, seed=2, out=Path({out!r}))
"""


@pytest.mark.parametrize("old_files", [False, True])
def test_a_killed_run_leaves_no_half_file(tmp_path: Path, old_files: bool) -> None:
    out = tmp_path / "out"
    if old_files:
        make(out, records(20))
    before = {path.name: path.read_bytes() for path in out.iterdir()} if old_files else {}
    code = SLOW_RUN.format(folder=os.path.dirname(__file__), out=str(out))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "mid-way\n"
        hidden = list(out.glob(".train.parquet.*"))
        process.send_signal(signal.SIGKILL)
    assert len(hidden) == 1 and hidden[0].stat().st_size > 0, "it was killed while it wrote"
    assert {path.name: path.read_bytes() for path in out.glob("[!.]*")} == before


def test_a_jsonl_file_is_a_source(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, records(20))) + "\n{")
    made = make_dataset(Echo(), open_source(str(tmp_path / "a.jsonl")), SIZES, seed=1, out=tmp_path / "out")
    assert (made.rows, made.rejected) == (20, 1)
    assert made.first_rejection.startswith("row 21: not JSON")


def test_a_jsonl_file_in_utf_16_loses_no_row(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, records(20))) + "\n", encoding="utf-16")
    made = make_dataset(Echo(), open_source(str(tmp_path / "a.jsonl")), SIZES, seed=1, out=tmp_path / "out")
    assert (made.rows, made.rejected) == (20, 0)
