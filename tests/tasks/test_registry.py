"""The interface of a task: rows, validation, and finding the task of a row."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from verl_reflect.reward import compute_score
from verl_reflect.tasks.base import PASSED, Item, Task, Verdict, failed
from verl_reflect.tasks.countdown import Countdown
from verl_reflect.tasks.registry import load_task, task_for, wordings


class Echo(Task):
    """Say the word back."""

    data_sources = ("echo",)
    categories = ("wrong", "none")
    reflection_prompt = "That was not the word."

    def item(self, record: Any) -> Item:
        return Item([{"role": "user", "content": f"Say {record} ."}], ground_truth=record, gold=record)

    def judge(self, response: str, ground_truth: Any) -> Verdict:
        return PASSED if response == ground_truth else failed("wrong")

    def corruptions(self, item: Item) -> Iterator[str]:
        yield item.gold + "!"


class DeafEcho(Echo):
    def judge(self, response: str, ground_truth: Any) -> Verdict:
        return PASSED if response.startswith(ground_truth[0]) else failed("wrong")


class Unfinished(Task):
    """A task without a verifier."""


ECHO = f"{__name__}:Echo"


def test_a_row_has_verls_schema() -> None:
    item = Item([{"role": "user", "content": "Go"}], "gt", gold="yes", tools=[{"name": "f"}], facts={"level": 3})
    assert Echo().row(item, "test", 7) == {
        "data_source": "echo",
        "prompt": [{"role": "user", "content": "Go"}],
        "ability": "echo",
        "reward_model": {"style": "rule", "ground_truth": "gt"},
        "tools": json.dumps([{"name": "f"}]),
        "extra_info": {"split": "test", "index": 7, "gold": "yes", "facts": '{"level": 3}'},
    }


def test_items_are_the_same_if_they_ask_the_same_or_say_so() -> None:
    def asking(text: str, same_as: str = "") -> Item:
        return Item([{"role": "user", "content": text}], None, same_as=same_as)

    assert asking("a").content == asking("a").content != asking("b").content
    assert asking("1 2", same_as="{1, 2}").content == asking("2 1", same_as="{1, 2}").content


def test_validation_names_what_was_judged_wrongly() -> None:
    items = [Echo().item("word"), Echo().item("other")]
    assert list(Echo().validate(items)) == []
    faults = list(DeafEcho().validate([*items, Item([], "x", gold="y")]))
    assert [(fault.number, fault.what) for fault in faults] == [
        (1, "a corrupted response is accepted"),
        (2, "a corrupted response is accepted"),
        (3, "the gold response is rejected"),
    ]


def test_a_users_own_task_is_found_by_its_data_source() -> None:
    assert isinstance(task_for("echo/held_out", [ECHO]), Echo)
    assert compute_score("echo", "word", "word", tasks=[ECHO]) == {"score": 1.0, "category": "none", "detail": ""}
    assert isinstance(task_for("countdown", [ECHO]), Countdown)
    assert Echo.reflection_prompt in wordings([ECHO])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no_such_module:Task", "cannot be imported"),
        (f"{__name__}:Nothing", "has no 'Nothing'"),
        (__name__, "name a task as module:Class"),
        (f"{__name__}:Item", "is not a class derived from"),
        (f"{__name__}:Unfinished", "cannot be made"),
    ],
)
def test_what_is_not_a_task_is_refused_in_a_sentence(name: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        load_task(name)
