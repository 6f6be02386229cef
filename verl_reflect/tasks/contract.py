"""Checks that a task keeps the promises of `tasks.base`. `verl-reflect check-task` prints it; a test can call it:

def test_my_task_keeps_its_promises():
    assert broken_promises(Reverse(), RECORDS) == []
"""

import io
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from types import FrameType
from typing import Any

import pyarrow.parquet as pq

from verl_reflect.finding import Finding
from verl_reflect.records.parquet import table_of
from verl_reflect.tasks.base import Item, Task, Verdict
from verl_reflect.tasks.hostile import responses
from verl_reflect.tasks.record import Record, read_item

CHECKED = (
    *("class", "items", "gold responses", "corrupted responses", "rows"),
    *("hostile responses", "hostile reflections"),
)
"""What is looked at, in this order."""

LIMIT_MS = 50.0
PATIENCE_SECONDS = 5.0
"""After which a judgement is broken off."""

MOST_TRIES = 10
ATTACKED_ITEMS = 2
"""Items whose ground truths are judged against every hostile response; they make a hundred and more each."""


Judging = Callable[[str, Any, str], Verdict | bool]
"""Judges a text against a ground truth; the last argument names the text."""


class PromiseError(Exception):
    """The task breaks the promise that was checked; says how, in one sentence."""


def broken_promises(task: Task, records: Iterable[Record], limit_ms: float = LIMIT_MS) -> list[str]:
    """What is wrong with a task, a sentence each; nothing if all is well. Arguments as for `check_task`."""
    return [f"{each.check}: {each.remark}" for each in check_task(task, records, limit_ms) if not each.fit]


def check_task(task: Task, records: Iterable[Record], limit_ms: float = LIMIT_MS) -> Iterator[Finding]:
    """Check a task on records of its source, one finding after the other. Call it from the main thread.

    A class or items that are not as they should be end it: nothing could be judged then.

    Args:
        records: All of them are read, and kept as items.
        limit_ms: Milliseconds that a verdict may take, the fastest of a few tries.
    """
    for finding in check_class(task):
        yield finding
        if not finding.fit:
            return
    items: list[Item] = []
    reading = _finding("items", lambda: _read(task, records, items))
    yield reading
    if not reading.fit:
        return
    yield _finding("gold responses", lambda: _check_gold(task, items))
    yield _finding("corrupted responses", lambda: _check_corruptions(task, items))
    yield _finding("rows", lambda: _check_rows(task, items))
    yield _finding("hostile responses", lambda: _check_hostile(partial(_verdict, task), items, limit_ms))
    if type(task).gives_away is not Task.gives_away:  # the inherited one is a verdict again
        yield _finding("hostile reflections", lambda: _check_hostile(partial(_given_away, task), items, limit_ms))


def check_class(task: Task) -> Iterator[Finding]:
    """The part of the check that needs no records."""
    yield _finding("class", lambda: _check_class(task))


def _finding(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, check())
    except PromiseError as fault:
        return Finding(name, False, " ".join(str(fault).split()))
    except BaseException as error:  # of the task's corruptions, or of its rows: SystemExit too
        return Finding(name, False, " ".join(f"the task raises {_named(error)}".split()))


def _check_class(task: Task) -> str:
    for name in ("data_sources", "categories", "reflection_prompt"):
        if not hasattr(type(task), name):
            raise PromiseError(f"{type(task).__name__} has no {name}")
    for name, texts in (("data_sources", task.data_sources), ("categories", task.categories)):
        if not isinstance(texts, tuple) or not texts or not all(isinstance(text, str) and text for text in texts):
            raise PromiseError(f"{name} must be a tuple of texts, not {texts!r}")
    if "/" in task.data_sources[0]:  # the rows have this name; another may be a hub's, such as openai/gsm8k
        raise PromiseError(f"no slash in data_sources[0], {task.data_sources[0]!r}: what follows it names a subset")
    if task.categories[-1] != "none" or len(set(task.categories)) < len(task.categories):
        raise PromiseError(f"categories must be different and the last one 'none', not {task.categories!r}")
    if not isinstance(task.reflection_prompt, str) or not task.reflection_prompt.strip():
        raise PromiseError("reflection_prompt must ask for a reflection")
    return f"{', '.join(task.data_sources)}: {', '.join(task.categories)}"


def _read(task: Task, records: Iterable[Record], items: list[Item]) -> str:
    """Fill `items`; malformed records are allowed, as long as there are others."""
    malformed: list[str] = []
    for number, record in enumerate(records, start=1):
        try:
            item = read_item(task, record)
        except ValueError as error:
            malformed.append(f"record {number}: {error}")
            continue
        except BaseException as error:  # the task may raise anything, and must not
            raise PromiseError(f"item raises {_named(error)} for record {number}; raise ValueError instead") from error
        if not item.messages or item.messages[-1].get("role") != "user":
            raise PromiseError(f"record {number}: the last message must be the user's")
        items.append(item)
    if not items:
        raise PromiseError(f"no usable record: {malformed[0] if malformed else 'the source is empty'}")
    return f"{len(items)} made, {len(malformed)} records malformed" + (f" ({malformed[0]})" if malformed else "")


def _check_gold(task: Task, items: Sequence[Item]) -> str:
    known = [(number, item) for number, item in enumerate(items, start=1) if item.gold]
    for number, item in known:
        verdict = _verdict(task, item.gold, item.ground_truth, f"the gold response of item {number}")
        if verdict.score != 1.0:
            raise PromiseError(f"the gold response of item {number} is rejected ({verdict.category}): {item.gold!r}")
    return f"{len(known)} of {len(items)} items have one, and it is accepted"


def _check_corruptions(task: Task, items: Sequence[Item]) -> str:
    count = 0
    for number, item in enumerate(items, start=1):
        for response in task.corruptions(item):
            count += 1
            verdict = _verdict(task, response, item.ground_truth, f"a corrupted response of item {number}")
            if verdict.score == 1.0:
                raise PromiseError(f"a corrupted response of item {number} is accepted: {response!r}")
    if not count:
        raise PromiseError("corruptions gives no response: a verifier that accepts everything would not be noticed")
    return f"{count} are rejected"


def _check_rows(task: Task, items: Sequence[Item]) -> str:
    """The rows make one parquet file, and a ground truth that was in it is still judged."""
    file = io.BytesIO()
    try:
        pq.write_table(table_of([task.row(item, "train", index) for index, item in enumerate(items)]), file)
    except ValueError as error:
        raise PromiseError(str(error)) from error
    for number, (item, row) in enumerate(zip(items, pq.read_table(file).to_pylist(), strict=True), start=1):
        truth = row["reward_model"]["ground_truth"]
        verdict = _verdict(task, item.gold, truth, f"the gold response of item {number}, read back from parquet,")
        if item.gold and verdict.score != 1.0:
            raise PromiseError(f"the gold response of item {number} is rejected against the ground truth in parquet")
    return f"{len(items)} fit one parquet file"


def _check_hostile(judge: Judging, items: Sequence[Item], limit_ms: float) -> str:
    slowest, slowest_name, count = 0.0, "", 0
    for item in items[:ATTACKED_ITEMS]:
        for name, response in responses(item.gold):
            milliseconds = _timed(judge, response, item.ground_truth, name, limit_ms)
            count += 1
            if milliseconds > slowest:
                slowest, slowest_name = milliseconds, name
    said = f"the slowest of {count} verdicts took {slowest:.1f} ms ({slowest_name})"
    if slowest > limit_ms:
        raise PromiseError(f"{said}, more than {limit_ms:g}")
    return said


def _timed(judge: Judging, response: str, ground_truth: Any, name: str, limit_ms: float) -> float:
    """Milliseconds of the fastest of two verdicts or more, which must be the same.

    Other work on the machine only ever adds, so tries go on while all of them are too slow.
    """
    seconds: list[float] = []
    verdicts: list[Verdict | bool] = []
    while len(seconds) < 2 or (len(seconds) < MOST_TRIES and 1000 * min(seconds) > limit_ms):
        start = time.perf_counter()
        verdicts.append(judge(response, ground_truth, name))
        seconds.append(time.perf_counter() - start)
    for verdict in verdicts:
        if verdict != verdicts[0]:
            raise PromiseError(f"{name}: judged {verdicts[0]} and then {verdict}")
    return 1000 * min(seconds)


def _verdict(task: Task, response: str, ground_truth: Any, name: str) -> Verdict:
    """One verdict, which must be well formed. `name` says what is judged."""
    verdict = _in_time(lambda: task.judge(response, ground_truth), f"{name}: judge")
    if not isinstance(verdict, Verdict) or verdict.score not in (0.0, 1.0):
        raise PromiseError(f"{name}: judge must give a Verdict with the score 0.0 or 1.0, not {verdict!r}")
    if verdict.category not in task.categories or (verdict.category == "none") != (verdict.score == 1.0):
        raise PromiseError(f"{name}: the category of the score {verdict.score} cannot be {verdict.category!r}")
    return verdict


def _given_away(task: Task, reflection: str, ground_truth: Any, name: str) -> bool:
    """Whether a reflection gives the answer away, to which the answer must be yes or no."""
    given = _in_time(lambda: task.gives_away(reflection, ground_truth, ""), f"{name}: gives_away")
    if not isinstance(given, bool):
        raise PromiseError(f"{name}: gives_away must give True or False, not {given!r}")
    return given


def _in_time(judge: Callable[[], Any], name: str) -> Any:
    """What a method of the task returns, which must not raise. `name` says what is judged, and by which method."""
    try:
        with _time_limit():
            return judge()
    except _TooLate:
        raise PromiseError(f"{name.partition(': ')[0]}: no verdict after {PATIENCE_SECONDS:g} s") from None
    except BaseException as error:  # the task may raise anything, and must not
        raise PromiseError(f"{name} raises {_named(error)}") from error


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"


class _TooLate(BaseException):
    """Not an Exception, so that no task catches it."""


class _time_limit:  # noqa: N801  (a context manager, used like a function)
    """Raises _TooLate in the block after PATIENCE_SECONDS: Python code and regular expressions heed signals."""

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGALRM, self._late)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE_SECONDS)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)

    @staticmethod
    def _late(number: int, frame: FrameType | None) -> None:
        raise _TooLate
