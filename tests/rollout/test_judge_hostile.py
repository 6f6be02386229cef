"""Whatever a verifier does, it ends at its process: an error in time, a right verdict next, and nothing left behind."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hostile_verifiers
import psutil
import pytest
from hostile_verifiers import ASYNC_EXHIBITS, AT_IMPORT, EXHIBITS, ONLY_ALONE

from verl_reflect.records.transcripts import Judgement
from verl_reflect.rollout.judge import Judge
from verl_reflect.rollout.judging_process import why_not_loaded
from verl_reflect.rollout.reward_function import RewardFunction

LIMIT = 1.5
"""Seconds for a verdict."""
MEMORY = 2**28


@contextmanager
def unharmed() -> Iterator[None]:
    """This process is as it was, and has no more children."""
    before, others = surroundings(), {each.pid for each in psutil.Process().children(recursive=True)}
    yield
    assert surroundings() == before
    assert left_behind(others) == []


def surroundings() -> tuple[Any, ...]:
    handlers = [signal.getsignal(number) for number in sorted(signal.valid_signals())]
    os.umask(umask := os.umask(0))
    return os.getcwd(), dict(os.environ), umask, handlers, sys.getrecursionlimit(), sorted(os.listdir("/proc/self/fd"))


def left_behind(others: Collection[int] = ()) -> list[str]:
    """Processes of the judge's making that are still there, dead ones that nobody buried included.

    `others` are children that this process had before: another test's.
    """
    with_ours = [each for each in psutil.process_iter() if "verl_reflect.isolation" in " ".join(_words(each))]
    ours = [each for each in with_ours if _started_here(each)]
    children = psutil.Process().children(recursive=True)
    return [f"{each.pid} {_words(each)}" for each in (*ours, *children) if each.pid not in others]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _started_here(process: psutil.Process) -> bool:
    try:
        return process.environ().get("PYTEST_CURRENT_TEST", "") == os.environ["PYTEST_CURRENT_TEST"]
    except psutil.Error:
        return False


def judge_of(name: str, **changes: Any) -> Judge:
    return Judge(
        RewardFunction(hostile_verifiers.__file__, name), 1.0, **{"timeout": LIMIT, "memory": MEMORY, **changes}
    )


async def verdict(judge: Judge, response: str) -> Judgement:
    return await judge(response, data_source="museum", ground_truth=None, extra_info={})


async def check(name: str, response: str, error: str) -> None:
    """The verdict on a response, in time, and the next one right."""
    with unharmed():
        judge = judge_of(name)
        try:
            assert (await verdict(judge, "good")).passed
            started = time.monotonic()
            said = await verdict(judge, response)
            assert time.monotonic() - started < 3 * LIMIT + 10, "one limit, a start, and patience with a busy machine"
            assert error in said.error if error else (said.passed and not said.error), said
            good = await verdict(judge, "good")
            assert good.passed and good.category == os.getcwd()
            assert (await verdict(judge, "bad")) == Judgement(0.0, False, os.getcwd())
        finally:
            judge.close()


@pytest.mark.parametrize("response", [*EXHIBITS, *ONLY_ALONE])
async def test_a_function_does_what_it_should_not(response: str) -> None:
    await check("judge", response, {**EXHIBITS, **ONLY_ALONE}[response].error)


AS_BEFORE = (
    *("exit 0", "dies with 0", "kills itself", "interrupts itself", "kills its parent", "holds the GIL"),
    *("forks and returns", "changes its surroundings", "eats memory", "closes files", "returns nan", "cancelled"),
)
"""What an `async` function is tried with as well."""


@pytest.mark.parametrize("response", [*AS_BEFORE, *ASYNC_EXHIBITS])
async def test_an_async_function_does_what_it_should_not(response: str) -> None:
    error = ASYNC_EXHIBITS[response][1] if response in ASYNC_EXHIBITS else EXHIBITS[response].error
    await check("judge_async", response, error)


@pytest.mark.parametrize("name", ["judge", "judge_async"])
async def test_what_is_judged_beside_it_is_judged_all_the_same(name: str) -> None:
    with unharmed():
        judge = judge_of(name, processes=2)
        said = await asyncio.gather(*(verdict(judge, word) for word in ("good", "dies with 0", "good") * 4))
        judge.close()
        assert [each.passed for each in said] == [True, False, True] * 4
        assert all(("ended its process" in each.error) != each.passed for each in said)


@pytest.mark.parametrize("what", AT_IMPORT)
def test_a_file_does_what_it_should_not_when_it_is_imported(what: str, tmp_path: Path) -> None:
    text, words = AT_IMPORT[what]
    (tmp_path / "mine.py").write_text(text)
    with unharmed():
        problem = why_not_loaded(RewardFunction(str(tmp_path / "mine.py"), "judge"), LIMIT, MEMORY)
    assert words in problem if words else not problem


async def test_each_verdict_says_why_the_function_cannot_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import os; os._exit(0)")
    judge = Judge(RewardFunction(str(tmp_path / "mine.py"), "judge"), 1.0, LIMIT, processes=2)
    said = await asyncio.gather(*(verdict(judge, "good") for _ in range(3)))
    judge.close()
    assert {each.error.partition(":judge ")[2] for each in said} == {
        "cannot be loaded: it ended its process with exit code 0."
    }
