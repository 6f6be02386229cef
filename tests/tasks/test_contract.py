"""The contract check: it accepts the tasks that come along, and each broken promise is found and named."""

import contextlib
import re
import time
from collections.abc import Iterable
from typing import Any

import pytest

from verl_reflect.data.puzzles import PuzzleRanges, distinct_puzzles
from verl_reflect.tasks import contract
from verl_reflect.tasks.base import PASSED, Item, Task, Verdict, failed
from verl_reflect.tasks.contract import broken_promises, check_class, check_task
from verl_reflect.tasks.countdown import Countdown
from verl_reflect.tasks.hostile import TEXTS, responses
from verl_reflect.tasks.record import Unreadable
from verl_reflect.tasks.registry import BUILT_IN, load_task, task_for


class Echo(Task):
    """Say a word; a record is `{"word": ...}`. Keeps every promise."""

    data_sources = ("echo",)
    categories = ("wrong", "none")
    reflection_prompt = "Reflect."

    def item(self, record: Any) -> Item:
        return Item([{"role": "user", "content": "Say " + record["word"]}], {"word": record["word"]}, record["word"])

    def judge(self, response: str, ground_truth: Any) -> Verdict:
        return PASSED if response == ground_truth["word"] else failed("wrong")

    def corruptions(self, item: Item) -> Iterable[str]:
        return [item.gold + "!"]


RECORDS = [{"word": "red"}, {"word": "green"}]


def changed(**members: Any) -> Task:
    """An Echo with other members."""
    return type("Changed", (Echo,), members)()


def judging(judge: Any) -> Task:
    """An Echo with another `judge(response, ground_truth)` for what Echo rejects."""

    def judge_all(self: Echo, response: str, ground_truth: Any) -> Any:
        verdict = Echo.judge(self, response, ground_truth)
        return verdict if verdict.score or response.endswith("!") else judge(response, ground_truth)

    return changed(judge=judge_all)


def raise_(error: Exception) -> Any:
    raise error


def test_a_task_that_keeps_its_promises_has_nothing_broken() -> None:
    assert broken_promises(Echo(), RECORDS) == []
    checks = [finding.check for finding in check_task(Echo(), RECORDS)]
    assert checks == ["class", "items", "gold responses", "corrupted responses", "rows", "hostile responses"]


@pytest.mark.parametrize("use", ["all", "any"])
def test_countdown_keeps_its_promises(use: Any) -> None:
    assert broken_promises(Countdown(use), distinct_puzzles(50, 0, PuzzleRanges())) == []


BUILT_IN_RECORDS: dict[str, list[dict[str, Any]]] = {
    "gsm8k": [
        {"question": "How many legs have 6 spiders?", "answer": "6*8 = <<6*8=48>>48\n#### 48"},
        {"question": "A desk costs $1,150 and a chair $75. What do both cost?", "answer": "#### 1,225"},
    ],
    "math": [
        {"problem": "Factor $x^2-x-6$.", "solution": r"It is $\boxed{(x-3)(x+2)}$.", "level": "Level 2"},
        {"problem": "Compute $1-\\frac{3}{8}$.", "answer": r"\frac{5}{8}"},
    ],
    "function_calling": [
        {
            "query": "How warm is it in Oslo?",
            "tools": [{"name": "warmth", "description": "", "parameters": {"city": {"type": "str"}}}],
            "answers": [{"name": "warmth", "arguments": {"city": "Oslo"}}],
        }
    ],
}


@pytest.mark.parametrize("source", BUILT_IN_RECORDS)
def test_the_tasks_that_come_along_keep_their_promises(source: str) -> None:
    """MATH's slowest verdicts wait for math-verify's process, which on a busy machine waits for a core."""
    assert broken_promises(task_for(source), BUILT_IN_RECORDS[source], limit_ms=500 if source == "math" else 50) == []


def test_every_class_that_comes_along_keeps_its_promises() -> None:
    assert all(finding.fit for name in BUILT_IN for finding in check_class(load_task(name)))


def test_a_hubs_name_may_follow_the_name_of_the_rows() -> None:
    """`openai/gsm8k` is a name that public rows have; the first name is what subsets are told apart behind."""
    assert broken_promises(changed(data_sources=("echo", "owner/echo")), RECORDS) == []
    [broken] = broken_promises(changed(data_sources=("owner/echo", "echo")), RECORDS)
    assert broken == "class: no slash in data_sources[0], 'owner/echo': what follows it names a subset"


VERDICTS = iter(range(10**9))


@pytest.mark.parametrize(
    ("task", "promise"),
    [
        (changed(data_sources=()), "class: data_sources must be a tuple of texts"),
        (changed(data_sources="echo"), "class: data_sources must be a tuple of texts, not 'echo'"),
        (changed(data_sources=("echo/one",)), "class: no slash in data_sources"),
        (changed(categories=("none", "wrong")), "class: categories must be different and the last one 'none'"),
        (changed(categories=("wrong", "wrong", "none")), "class: categories must be different"),
        (changed(categories=("wrong", None)), "class: categories must be a tuple of texts"),
        (changed(reflection_prompt=" "), "class: reflection_prompt must ask for a reflection"),
        (
            changed(item=lambda self, record: raise_(ZeroDivisionError("by zero"))),
            "items: item raises ZeroDivisionError: by zero for record 1; raise ValueError instead",
        ),
        (
            changed(item=lambda self, record: Item([{"role": "system", "content": "Hi"}], {})),
            "items: record 1: the last message must be the user's",
        ),
        (
            changed(item=lambda self, record: raise_(ValueError("no good"))),
            "items: no usable record: record 1: no good",
        ),
        (
            changed(judge=lambda self, response, truth: failed("wrong")),
            "gold responses: the gold response of item 1 is rejected (wrong): 'red'",
        ),
        (
            changed(judge=lambda self, response, truth: PASSED),
            "corrupted responses: a corrupted response of item 1 is accepted: 'red!'",
        ),
        (changed(corruptions=lambda self, item: []), "corrupted responses: corruptions gives no response"),
        (judging(lambda response, truth: failed("odd")), "the category of the score 0.0 cannot be 'odd'"),
        (judging(lambda response, truth: failed("none")), "the category of the score 0.0 cannot be 'none'"),
        (judging(lambda response, truth: Verdict(0.5, "wrong")), "judge must give a Verdict with the score 0.0 or 1.0"),
        (judging(lambda response, truth: None), "judge must give a Verdict with the score 0.0 or 1.0, not None"),
        (judging(lambda response, truth: raise_(KeyError("x"))), "hostile responses: nothing: judge raises KeyError"),
        (
            judging(lambda response, truth: failed("wrong" if response.encode() is not None else "")),
            "hostile responses: a lone surrogate: judge raises UnicodeEncodeError",
        ),
        (
            judging(lambda response, truth: failed("wrong" if next(VERDICTS) % 2 else "other")),
            "hostile responses: nothing: judged",
        ),
        (
            changed(gives_away=lambda self, reflection, truth, question: raise_(KeyError("x"))),
            "hostile reflections: nothing: gives_away raises KeyError",
        ),
        (
            changed(gives_away=lambda self, reflection, truth, question: None),
            "hostile reflections: nothing: gives_away must give True or False, not None",
        ),
        (
            changed(item=lambda self, record: Item(Echo().item(record).messages, {record["word"]: 1}, "")),
            "rows: row 2 has the fields",
        ),
        (
            changed(
                item=lambda self, record: Item(Echo().item(record).messages, {"word": record["word"], "n": 2**70}, "")
            ),
            "rows: rows 1 to 2 do not fit one parquet file",
        ),
    ],
)
def test_a_broken_promise_is_named(task: Task, promise: str) -> None:
    if "judged" in promise:
        type(task).categories = ("wrong", "other", "none")
    broken = broken_promises(task, RECORDS)
    assert any(promise in sentence for sentence in broken), broken
    assert not any("\n" in sentence for sentence in broken)


def test_a_ground_truth_that_parquet_changes_is_found() -> None:
    """A tuple comes back as a list, which is unequal to every tuple."""
    task = changed(
        item=lambda self, record: Item(
            [{"role": "user", "content": "Say"}], {"word": (record["word"],)}, record["word"]
        ),
        judge=lambda self, response, truth: PASSED if (response,) == truth["word"] else failed("wrong"),
    )
    assert broken_promises(task, RECORDS)[0] == (
        "rows: the gold response of item 1 is rejected against the ground truth in parquet"
    )


def test_a_slow_verifier_is_found_and_named() -> None:
    def judge(response: str, truth: Any) -> Verdict:
        time.sleep(0.03 if response == "1/0" else 0)
        return failed("wrong")

    broken = broken_promises(judging(judge), RECORDS, limit_ms=20)
    assert len(broken) == 1 and re.search(r"verdicts took 3\d.\d ms \(a division by zero\), more than 20", broken[0])
    assert broken_promises(judging(judge), RECORDS, limit_ms=200) == []


def test_a_verifier_that_hangs_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "PATIENCE_SECONDS", 0.2)

    def judge(response: str, truth: Any) -> Verdict:
        with contextlib.suppress(Exception):
            re.fullmatch(r"(a|a)*,", response[:60])
        return failed("wrong")

    start = time.monotonic()
    assert broken_promises(judging(judge), RECORDS) == [
        "hostile responses: a's and a full stop: no verdict after 0.2 s"
    ]
    assert time.monotonic() - start < 10


def test_malformed_records_are_counted_and_the_others_checked() -> None:
    findings = {each.check: each for each in check_task(Echo(), [Unreadable("not JSON"), {"w": 1}, *RECORDS])}
    assert findings["items"].remark == "2 made, 2 records malformed (record 1: not JSON)"
    assert all(finding.fit for finding in findings.values())


def test_without_records_nothing_is_judged() -> None:
    assert broken_promises(Echo(), []) == ["items: no usable record: the source is empty"]


def test_hostile_texts_stand_bare_in_every_envelope_and_amid_a_gold_response() -> None:
    made = dict(responses("<answer>gold</answer>"))
    assert len(made) == 5 * len(TEXTS)
    assert made["a division by zero in a box"] == r"\boxed{1/0}"
    assert made["a division by zero amid a gold response"] == "<answer>go1/0ld</answer>"
    assert max(map(len, TEXTS.values())) == 1_000_000
