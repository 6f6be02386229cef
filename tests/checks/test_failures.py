"""Stored first attempts: each can be shown to the model that is trained, and says in tokens what it says in text."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data_rows import data_row, write_rows
from omegaconf import DictConfig

from verl_reflect.checks.failures import check_attempts
from verl_reflect.checks.files import open_file
from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.demo.data import CHECKPOINT

Attempts = Callable[..., list[str]]


@pytest.fixture
def attempts(recipe_config: Callable[..., DictConfig], tmp_path: Path) -> Attempts:
    """What is doubtful of rows with these (text, token ids)."""

    def checked(*pairs: tuple[Any, Any], needed: bool = True) -> list[str]:
        rows = [data_row(first_attempt=text, first_attempt_ids=ids) for text, ids in pairs]
        run = Run(recipe_config(f"actor_rollout_ref.model.path={CHECKPOINT}"))
        return check_attempts(
            run, open_file("data.train_files", write_rows(tmp_path / "rows.parquet", rows)), needed=needed
        )

    return checked


@pytest.mark.parametrize(
    ("text", "token_ids", "fault"),
    [
        (None, None, "has no first_attempt; leave the row out"),
        (None, [1], "has first_attempt_ids and no first_attempt; add their text"),
        ("3", [-1], "has the token id -1 in its first_attempt_ids, and the model's vocabulary ends at"),
        ("3", [10**9], "has the token id 1000000000 in its first_attempt_ids"),
        ("3", [1, None], "has None in its first_attempt_ids; make them a list of token ids"),
    ],
)
def test_an_attempt_that_cannot_be_shown_is_named(attempts: Attempts, text: Any, token_ids: Any, fault: str) -> None:
    with pytest.raises(UnfitError, match=r"data\.train_files: row 1 of .*rows\.parquet ") as refused:
        attempts(("3", None), (text, token_ids))
    assert fault in str(refused.value)


@pytest.mark.parametrize(
    ("text", "token_ids", "fault"),
    [
        (29, None, "has a first_attempt that is 29; make it text"),
        ("3", "1 2", "has first_attempt_ids that are '1 2'; make them a list of token ids, or drop the column"),
        ("3", [0.5], "has 0.5 in its first_attempt_ids"),
        ("3", [float("inf")], "has inf in its first_attempt_ids"),
    ],
)
def test_a_column_of_another_type_is_named(attempts: Attempts, text: Any, token_ids: Any, fault: str) -> None:
    with pytest.raises(UnfitError) as refused:
        attempts((text, token_ids))
    assert f"row 0 of {fault}".split()[0] in str(refused.value) and fault in str(refused.value)


def test_rows_without_attempts_stand_beside_others_where_the_model_can_make_them(attempts: Attempts) -> None:
    assert attempts(("3", None), (None, None), needed=False) == []


def test_tokens_that_say_the_text_raise_no_doubt(attempts: Attempts, tokenizer: Any) -> None:
    ids = tokenizer.encode("3 + 5", add_special_tokens=False)
    closed = [*ids, tokenizer.eos_token_id]
    assert attempts(("3 + 5", ids), (" 3  + 5\n", closed), ("3 + 5", [float(each) for each in ids])) == []


def test_tokens_of_another_tokenizer_are_refused_and_one_odd_row_is_doubted(attempts: Attempts, tokenizer: Any) -> None:
    ids = tokenizer.encode("3 + 5", add_special_tokens=False)
    with pytest.raises(UnfitError, match=r"row 0 of .* has first_attempt_ids that say '3 \+ 5' to this model"):
        attempts(("8", ids), ("5 * 8", ids))
    [doubt] = attempts(("3 + 5", ids), ("8", ids))
    assert "row 1 of" in doubt and doubt.endswith("has first_attempt_ids that do not say its first_attempt.")


def test_empty_and_long_attempts_are_counted(attempts: Attempts, tokenizer: Any) -> None:
    long = "3 + " * 20
    ids = tokenizer.encode(long, add_special_tokens=False)
    assert attempts(("", None), ("", None), (long, ids)) == [
        "rows.parquet has 2 empty first attempts.",
        "rows.parquet has 1 first attempts that reflect.max_attempt_tokens=16 cuts.",
    ]
