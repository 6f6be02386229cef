"""The pool: as many processes as are needed, requests in their order, time that counts from when judging begins."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from verl_reflect.rollout.reward_function import RewardFunction
from verl_reflect.rollout.verifier_pool import VerifierPool

MINE = """
import asyncio, os, threading, time

def judge(data_source, solution_str, ground_truth, extra_info=None):
    if solution_str == "leave a thread that holds on":
        threading.Thread(target=lambda: [time.sleep(0.01) for _ in range(10_000)]).start()
        return 1.0
    time.sleep(float(solution_str))
    return {"score": 1.0, "detail": os.getpid()}

async def judge_async(data_source, solution_str, ground_truth, extra_info=None):
    await asyncio.sleep(float(solution_str))
    return {"score": 1.0, "detail": os.getpid()}
"""


@pytest.fixture
async def pools(tmp_path: Path) -> AsyncIterator[type[VerifierPool]]:
    """Makes pools of the functions above, and closes them."""
    (tmp_path / "mine.py").write_text(MINE)
    made: list[VerifierPool] = []

    def make(name: str, most: int, timeout: float = 30.0) -> VerifierPool:
        made.append(VerifierPool(RewardFunction(str(tmp_path / "mine.py"), name), timeout, most, 2**32))
        return made[-1]

    yield make  # type: ignore[misc]
    for pool in made:
        pool.close()


async def said(pool: VerifierPool, *seconds: float) -> list[str]:
    """Errors, or who judged."""
    row = {"data_source": "", "ground_truth": None}
    verdicts = await asyncio.gather(*(pool("response", {**row, "solution_str": str(each)}) for each in seconds))
    return [each.error or each.detail for each in verdicts]


async def test_quick_verdicts_get_one_process(pools) -> None:  # type: ignore[no-untyped-def]
    pool = pools("judge", most=8)
    assert len(set(await said(pool, *[0.0] * 100))) == 1
    assert pool.processes == 1


async def test_slow_verdicts_get_all_of_them(pools) -> None:  # type: ignore[no-untyped-def]
    pool = pools("judge", most=4)
    started = time.monotonic()
    who = await said(pool, *[0.5] * 32)
    assert len(set(who)) == pool.processes == 4
    assert time.monotonic() - started < 12, "16 s one by one, 4 s with four"


async def test_async_verdicts_share_a_process(pools) -> None:  # type: ignore[no-untyped-def]
    pool = pools("judge_async", most=4)
    await said(pool, 0.0)
    started = time.monotonic()
    assert len(set(await said(pool, *[1.0] * 60))) == 1
    assert time.monotonic() - started < 10


async def test_the_time_limit_does_not_count_the_wait(pools) -> None:  # type: ignore[no-untyped-def]
    pool = pools("judge", most=1, timeout=1.5)
    assert len(set(await said(pool, *[0.6] * 5))) == 1
    assert not any("longer" in each for each in await said(pool, *[0.0] * 100, *[0.6] * 5))


async def test_what_waits_behind_a_verdict_that_takes_too_long_is_judged(pools) -> None:  # type: ignore[no-untyped-def]
    pool = pools("judge", most=1, timeout=1.0)
    await said(pool, *[0.0] * 50)  # so quick that requests are given ahead
    errors = [each for each in await said(pool, 0.0, 60.0, *[0.0] * 20) if "longer" in each]
    assert errors == ["took longer than reflect.verifier_timeout=1 s"]


async def test_requests_are_served_in_their_order(pools) -> None:  # type: ignore[no-untyped-def]
    pool, order = pools("judge", most=1), []

    async def ask(number: int) -> None:
        await said(pool, 0.02)
        order.append(number)

    await asyncio.gather(*map(ask, range(20)))
    assert order == sorted(order)


async def test_who_stops_waiting_costs_nobody_a_place(pools) -> None:  # type: ignore[no-untyped-def]
    pool = pools("judge", most=1)
    tasks = [asyncio.create_task(said(pool, 0.3)) for _ in range(6)]
    await asyncio.sleep(0.1)
    for task in tasks[:5]:
        task.cancel()
    assert not (await tasks[5])[0].startswith("took")
    assert (await said(pool, 0.0))[0].isdigit()


async def test_a_large_row_is_judged(pools) -> None:  # type: ignore[no-untyped-def]
    pool = pools("judge", most=1)
    row = {"data_source": "x" * 5_000_000, "ground_truth": None, "solution_str": "0"}
    verdicts = await asyncio.gather(*(pool("response", row) for _ in range(4)))
    assert all(each.score == 1 for each in verdicts)


async def test_a_row_that_cannot_be_handed_over_is_an_error(pools) -> None:  # type: ignore[no-untyped-def]
    verdict = await pools("judge", most=1)("response", {"solution_str": "0", "ground_truth": lambda: 0})
    assert verdict.error.startswith("cannot be given the row: ")


def test_a_pool_can_be_used_from_one_loop_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    pool = VerifierPool(RewardFunction(str(tmp_path / "mine.py"), "judge"), 30.0, 2, 2**32)
    first = asyncio.run(said(pool, 0.0))
    assert first[0].isdigit() and asyncio.run(said(pool, 0.0, 0.0)) == first * 2
    pool.close()
