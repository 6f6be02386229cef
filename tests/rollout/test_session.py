"""A session is read from whatever a data set hands on: lists or arrays, nothing or NaN, text or parts of it."""

from typing import Any

import numpy as np
import pytest
from builders import row

from verl_reflect.rollout.session import Session, item_index


def session(**changes: Any) -> Session:
    return Session.from_row(row(**changes), {}, own_attempt=False)


@pytest.mark.parametrize(
    ("given", "index"),
    [
        (7, 7),
        (np.int64(7), 7),
        (7.0, 7),
        (True, 1),
        (None, 0),
        (float("nan"), 0),
        (np.float32("nan"), 0),
        (1.5, "1.5"),
        (float("inf"), "inf"),
        (2**70, str(2**70)),
        ("7", "7"),
        ("0b7c-a9", "0b7c-a9"),
        ([1, 2], "[1, 2]"),
    ],
)
def test_any_id_will_do(given: Any, index: int | str) -> None:
    found = item_index(given)
    assert found == index and type(found) is type(index)
    assert session(index=given).index == index


def test_arrays_are_as_good_as_lists() -> None:
    messages = np.array(row()["raw_prompt"], dtype=object)
    read = session(raw_prompt=messages, first_attempt="3", first_attempt_ids=np.array([1, 2]))
    assert read.messages == row()["raw_prompt"] and read.stored_attempt and read.stored_attempt.token_ids == [1, 2]


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_nothing_is_nothing_however_it_is_written(nothing: Any) -> None:
    read = session(first_attempt=nothing, tools=nothing, reflection=nothing, other_prompt=nothing)
    assert (read.stored_attempt, read.tools, read.stored_reflection, read.other_messages) == (None, None, None, [])


def test_a_task_in_parts_is_asked_again_as_text() -> None:
    parts = [{"type": "text", "text": "Make 24 "}, {"type": "text", "text": "from 3 5 8 ."}]
    read = session(raw_prompt=[{"role": "user", "content": parts}, {"role": "assistant", "content": None}])
    assert read.task == "Make 24 from 3 5 8 ." and read.messages[0]["content"] == read.task


@pytest.mark.parametrize("kind", ["image", "video", "audio"])
def test_more_than_text_is_refused(kind: str) -> None:
    content = [{"type": kind, kind: "x"}, {"type": "text", "text": "What is this?"}]
    with pytest.raises(ValueError, match=f"A prompt has {kind}, and only text reaches the model"):
        session(raw_prompt=[{"role": "user", "content": content}])
