"""The Countdown files: their rows, the puzzles they are made from, and the fixed benchmark beside them."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from verl_reflect.data.countdown import make_countdown
from verl_reflect.data.puzzles import PuzzleRanges
from verl_reflect.records.parquet import card_path
from verl_reflect.reward import compute_score


def make(out: Path, *, train: int | None = 12, test: int = 3, seed: int = 1, **options: Any) -> list[Path]:
    """Train, validation and test.parquet."""
    options = {"source": None, "ranges": PuzzleRanges(), **options}
    make_countdown(out, train=train, validation=4, test=test, seed=seed, **options)
    return [out / f"{split}.parquet" for split in ("train", "validation", "test")]


def contents(path: Path) -> set[tuple[int, tuple[int, ...]]]:
    truths = [json.loads(row["reward_model"]["ground_truth"]) for row in pq.read_table(path).to_pylist()]
    return {(truth["target"], tuple(sorted(truth["numbers"]))) for truth in truths}


def public_file(path: Path, count: int) -> str:
    rows = [{"target": 10 + number, "nums": [number, 9, 1]} for number in range(1, count + 1)]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return str(path)


def test_a_row_has_verls_schema(tmp_path: Path) -> None:
    train, *_ = make(tmp_path)
    row = pq.read_table(train).to_pylist()[5]
    truth, extra = json.loads(row["reward_model"]["ground_truth"]), row["extra_info"]
    assert set(truth) == {"target", "numbers", "use"}
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
        "reward_model": {"style": "rule", "ground_truth": json.dumps(truth)},
        "tools": None,
        "extra_info": {"split": "train", "index": 5, "gold": extra["gold"], "facts": extra["facts"]},
    }


@pytest.mark.parametrize("use", ["all", "any"])
def test_the_reward_function_accepts_the_gold_of_every_row(tmp_path: Path, use: str) -> None:
    for path in make(tmp_path, use=use):
        for row in pq.read_table(path).to_pylist():
            response = row["extra_info"]["gold"]
            assert compute_score(row["data_source"], response, row["reward_model"]["ground_truth"])["score"] == 1.0


def test_the_wording_and_the_verdict_follow_use(tmp_path: Path) -> None:
    _, _, test = make(tmp_path, use="any")
    row = pq.read_table(test).to_pylist()[0]
    assert row["prompt"][-1]["content"].startswith("Using any of the numbers")
    assert json.loads(row["reward_model"]["ground_truth"])["use"] == "any"


@pytest.mark.parametrize("from_source", [False, True])
def test_the_splits_have_their_sizes_and_share_no_item(tmp_path: Path, from_source: bool) -> None:
    paths = make(tmp_path, source=public_file(tmp_path / "public.parquet", 19) if from_source else None)
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
    assert [path.read_bytes() for path in few] == [path.read_bytes() for path in many]


def test_a_card_says_where_the_rows_came_from(tmp_path: Path) -> None:
    source = public_file(tmp_path / "public.parquet", 40)
    cards = [json.loads(card_path(make(tmp_path, source=given)[0]).read_text()) for given in (None, source)]
    assert [card["licence"] for card in cards] == ["Apache-2.0", "the source's own"]
    assert [card["source"] for card in cards] == ["made up", source]
    assert cards[0]["ranges"]["max_numbers"] == 4
    assert cards[0]["sizes"] == {"train": 12, "validation": 4, "test": 3}
    assert (cards[0]["seed"], cards[0]["split"], cards[0]["rows"]) == (1, "train", 12)


def test_made_up_items_are_balanced_over_difficulty_and_the_card_says_so(tmp_path: Path) -> None:
    train, *_ = make(tmp_path, train=70)
    told = Counter(json.loads(row["extra_info"]["facts"])["difficulty"] for row in pq.read_table(train).to_pylist())
    assert json.loads(card_path(train).read_text())["difficulty"] == told
    assert set(told.values()) <= {9, 10, 11}
    assert len(told) == 7, "0 to 2 products among 3 numbers, 0 to 3 among 4"


def test_a_source_with_too_few_different_items_is_an_error(tmp_path: Path) -> None:
    rows = [{"target": 50, "nums": [3, 4, number % 5 + 1]} for number in range(30)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "public.parquet")
    with pytest.raises(ValueError, match=r"public.parquet: 5 different items are there, and 19 are wanted"):
        make(tmp_path / "out", source=str(tmp_path / "public.parquet"))
    assert not (tmp_path / "out").exists()


def test_items_outside_the_ranges_are_left_in_the_source(tmp_path: Path) -> None:
    rows = [{"target": 50, "nums": [number] * count} for number in range(1, 20) for count in (2, 3, 5)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "public.parquet")
    for path in make(tmp_path, source=str(tmp_path / "public.parquet"), ranges=PuzzleRanges(3, 4)):
        assert {len(numbers) for _, numbers in contents(path)} == {3}
        assert json.loads(card_path(path).read_text())["records_passed_over"] == 2 * 19


def test_a_source_with_nothing_within_the_ranges_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 different items are there, and 19 are wanted"):
        make(tmp_path, source=public_file(tmp_path / "public.parquet", 40), ranges=PuzzleRanges(5, 6))


def test_without_a_number_of_training_rows_all_of_a_source_are_used(tmp_path: Path) -> None:
    train, *_ = make(tmp_path, train=None, source=public_file(tmp_path / "public.parquet", 40))
    assert len(contents(train)) == 40 - 4 - 3


def test_an_empty_split_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one row"):
        make(tmp_path, test=0)
    assert not list(tmp_path.iterdir())


def test_reads_the_public_schema_from_csv(tmp_path: Path) -> None:
    lines = [f'{10 + number},"[{number}, 9, 1]"' for number in range(1, 20)]
    (tmp_path / "table.csv").write_text("\n".join(["target,nums", *lines]))
    paths = make(tmp_path, source=str(tmp_path / "table.csv"))
    assert set().union(*map(contents, paths)) == {
        (10 + number, tuple(sorted((number, 9, 1)))) for number in range(1, 20)
    }


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ('{"target": 98}', "a row has the columns target and nums, not {'target': 98}"),
        ('{"target": 9.5, "nums": [44]}', "'target' must be made of whole numbers, not 9.5"),
        ('{"target": 9, "nums": [44, "x"]}', "'numbers' must be made of whole numbers, not 'x'"),
        ('{"target": null, "nums": [44]}', "'target' must be made of whole numbers, not None"),
        ('{"target": 9, "nums": "44, 9"}', "'numbers' must be a list, a tuple or a numpy array, not '44, 9'"),
    ],
)
def test_a_malformed_record_is_listed(tmp_path: Path, record: str, reason: str) -> None:
    good = [json.dumps({"target": 10 + number, "nums": [number, 9, 1]}) for number in range(1, 20)]
    (tmp_path / "lines.jsonl").write_text("\n".join([*good, record]))
    make(tmp_path, source=str(tmp_path / "lines.jsonl"))
    assert json.loads((tmp_path / "rejected.jsonl").read_text()) == {"row": 20, "reason": reason}
