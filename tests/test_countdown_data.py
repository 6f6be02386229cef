"""The Countdown files: their rows, their splits, and the public source they may be made from."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from verl_reflect.dataset_files import card_path
from verl_reflect.reward import compute_score
from verl_reflect.tasks.countdown import Puzzle
from verl_reflect.tasks.countdown_data import make_countdown
from verl_reflect.tasks.countdown_puzzles import PuzzleRanges
from verl_reflect.tasks.countdown_source import read_puzzles

PUBLIC_ROWS = [{"target": 98, "nums": [44, 19, 35]}, {"target": 64, "nums": [63, 95, 96]}]
PUBLIC_PUZZLES = [Puzzle(98, (44, 19, 35)), Puzzle(64, (63, 95, 96))]


def make(out: Path, *, train: int = 12, test: int = 3, seed: int = 1, source: str | None = None) -> list[Path]:
    return make_countdown(out, train=train, validation=4, test=test, seed=seed, ranges=PuzzleRanges(), source=source)


def contents(path: Path) -> set[tuple[int, tuple[int, ...]]]:
    truths = [row["reward_model"]["ground_truth"] for row in pq.read_table(path).to_pylist()]
    return {(truth["target"], tuple(sorted(truth["numbers"]))) for truth in truths}


def public_file(path: Path, count: int) -> str:
    rows = [{"target": 10 + number, "nums": [number, 9, 1]} for number in range(1, count + 1)]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return str(path)


def test_a_row_has_verls_schema(tmp_path: Path) -> None:
    train, *_ = make(tmp_path)
    row = pq.read_table(train).to_pylist()[5]
    truth = row["reward_model"]["ground_truth"]
    assert row == {
        "data_source": "countdown",
        "prompt": [
            {
                "role": "system",
                "content": "Please reason step by step, and put your final answer within \\boxed{}.",
            },
            {
                "role": "user",
                "content": f"Using the numbers {truth['numbers']} create an equation that equals {truth['target']}. You"
                " can use basic arithmetic operations (+, -, *, /) and each number can only be used once.",
            },
        ],
        "ability": "countdown",
        "reward_model": {"style": "rule", "ground_truth": truth},
        "tools": None,
        "extra_info": {"split": "train", "index": 5, "gold": row["extra_info"]["gold"]},
    }


def test_the_reward_function_accepts_the_gold_of_every_row(tmp_path: Path) -> None:
    for path in make(tmp_path):
        for row in pq.read_table(path).to_pylist():
            response = row["extra_info"]["gold"]
            assert compute_score(row["data_source"], response, row["reward_model"]["ground_truth"])["score"] == 1.0


@pytest.mark.parametrize("from_source", [False, True])
def test_the_splits_have_their_sizes_and_share_no_item(tmp_path: Path, from_source: bool) -> None:
    paths = make(tmp_path, source=public_file(tmp_path / "public.parquet", 19) if from_source else None)
    assert [path.name for path in paths] == ["train.parquet", "validation.parquet", "test.parquet"]
    assert [len(contents(path)) for path in paths] == [12, 4, 3]
    assert len(set().union(*map(contents, paths))) == 19


@pytest.mark.parametrize("from_source", [False, True])
def test_the_same_arguments_give_the_same_bytes_and_another_seed_others(tmp_path: Path, from_source: bool) -> None:
    source = public_file(tmp_path / "public.parquet", 40) if from_source else None
    first, again = (make(tmp_path / name, seed=1, source=source) for name in ("first", "again"))
    other = make(tmp_path / "other", seed=2, source=source)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert [card_path(path).read_bytes() for path in first] == [card_path(path).read_bytes() for path in again]
    assert contents(first[0]) != contents(other[0])


@pytest.mark.parametrize("from_source", [False, True])
def test_more_training_rows_leave_the_held_out_rows_alone(tmp_path: Path, from_source: bool) -> None:
    source = public_file(tmp_path / "public.parquet", 40) if from_source else None
    _, *few = make(tmp_path / "few", train=5, source=source)
    _, *many = make(tmp_path / "many", train=20, source=source)
    assert list(map(contents, few)) == list(map(contents, many))


def test_a_card_says_where_the_rows_came_from(tmp_path: Path) -> None:
    source = public_file(tmp_path / "public.parquet", 40)
    cards = [json.loads(card_path(make(tmp_path, source=given)[0]).read_text()) for given in (None, source)]
    assert [card["licence"] for card in cards] == ["Apache-2.0", "the source's own"]
    assert cards[0]["source"].startswith("made up by verl-reflect ")
    assert cards[1]["source"] == source
    assert cards[0]["sizes"] == {"train": 12, "validation": 4, "test": 3}
    assert (cards[0]["seed"], cards[0]["split"], cards[0]["rows"]) == (1, "train", 12)


def test_a_source_with_too_few_different_items_is_an_error(tmp_path: Path) -> None:
    rows = [{"target": 50, "nums": [3, 4, number % 5 + 1]} for number in range(30)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "public.parquet")
    with pytest.raises(ValueError, match=r"has 5 different items within .* and 19 are wanted"):
        make(tmp_path, source=str(tmp_path / "public.parquet"))


def test_items_outside_the_ranges_are_left_in_the_source(tmp_path: Path) -> None:
    rows = [{"target": 50, "nums": [number] * count} for number in range(1, 20) for count in (2, 3, 5)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "public.parquet")
    for path in make(tmp_path, source=str(tmp_path / "public.parquet")):
        assert {len(numbers) for _, numbers in contents(path)} == {3}


def test_an_empty_split_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one row"):
        make(tmp_path, test=0)
    assert not list(tmp_path.iterdir())


PUBLIC_TEXTS = {
    "lines.jsonl": "\n".join(map(json.dumps, PUBLIC_ROWS)) + "\n",
    "lines.json": "\n".join(map(json.dumps, PUBLIC_ROWS)),
    "array.json": json.dumps(PUBLIC_ROWS, indent=1),
    "table.csv": 'target,nums\n98,"[44, 19, 35]"\n64,"[63, 95, 96]"\n',
}


@pytest.mark.parametrize("name", PUBLIC_TEXTS)
def test_reads_the_public_schema_from_text(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(PUBLIC_TEXTS[name])
    assert read_puzzles(str(path)) == PUBLIC_PUZZLES


def test_reads_the_public_schema_from_parquet(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(PUBLIC_ROWS), tmp_path / "public.parquet")
    assert read_puzzles(str(tmp_path / "public.parquet")) == PUBLIC_PUZZLES


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("a.jsonl", '{"target": 98, "nums": [44]}\n{"target": 98}', "row 2: a row has the columns target and nums"),
        ("a.jsonl", '{"target": 98, "nums": [44]}\n{"target":', "row 2: a row has the columns target and nums"),
        ("a.json", '[{"target": 9.5, "nums": [44]}]', "row 1: 'target' must be made of whole numbers, not 9.5"),
        ("a.json", '[{"target": 9, "nums": [44, "x"]}]', "row 1: 'numbers' must be made of whole numbers, not 'x'"),
        ("a.csv", "target,nums\n98,[44, 19]\n", r"row 1: 'numbers' must be a list.*not '\[44'"),
        ("a.csv", "target,nums\n98\n", "row 1: 'numbers' must be a list.*not ''"),
        ("a.csv", "target,numbers\n98,[44]\n", "row 1: a row has the columns target and nums"),
    ],
)
def test_a_malformed_row_is_named(tmp_path: Path, name: str, text: str, fault: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ValueError, match=f"{name}, {fault}"):
        read_puzzles(str(path))


def test_a_null_in_a_parquet_file_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([*PUBLIC_ROWS, {"target": None, "nums": [1]}]), tmp_path / "public.parquet")
    with pytest.raises(ValueError, match="row 3: 'target' must be made of whole numbers, not None"):
        read_puzzles(str(tmp_path / "public.parquet"))


def test_any_other_name_is_asked_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load_dataset(name: str, split: str) -> list[dict[str, object]]:
        asked.append((name, split))
        return PUBLIC_ROWS

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    assert read_puzzles("Jiayi-Pan/Countdown-Tasks-3to4") == PUBLIC_PUZZLES
    assert asked == [("Jiayi-Pan/Countdown-Tasks-3to4", "train")]


def test_a_hub_out_of_reach_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_dataset(name: str, split: str) -> list[dict[str, object]]:
        raise ConnectionError(f"Couldn't reach {name!r} on the Hub")

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    with pytest.raises(
        OSError, match="'some/set' is neither a file read here nor a data set that the hub gave"
    ) as fault:
        read_puzzles("some/set")
    assert "\n" not in str(fault.value)
