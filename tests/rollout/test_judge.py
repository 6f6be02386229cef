"""Judging: one verdict for a response, none for a reward function that misbehaves, and always in time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig

from verl_reflect.config import ReflectConfig
from verl_reflect.records.transcripts import Judgement
from verl_reflect.rollout.judge import Judge, VerifierError, processes_of_a_worker, required
from verl_reflect.rollout.reward_function import RewardFunction

USER_MODULE = '''
import asyncio, os, re

def length(data_source, solution_str, ground_truth, extra_info=None, longest=100):
    """A plain verl reward function: a number."""
    return min(len(solution_str), longest) / ground_truth

def misbehaves(data_source, solution_str, ground_truth, extra_info=None):
    if solution_str == "raise":
        raise KeyError("no such thing")
    if solution_str == "die":
        os._exit(9)
    if solution_str == "regex":
        re.match(r"(a+)+$", "a" * 40 + "!")
    return {"nan": float("nan"), "words": "good", "right": True}.get(solution_str, 0)

async def waits(data_source, solution_str, ground_truth, extra_info=None):
    await asyncio.sleep(float(solution_str))
    return {"score": 1.0, "category": "none"}
'''

Ask = Callable[..., Any]


@pytest.fixture
async def ask(tmp_path: Path) -> AsyncIterator[Callable[..., Ask]]:
    """`ask(name, ...)` gives a function that judges responses with `name` of the user's module."""
    (tmp_path / "mine.py").write_text(USER_MODULE)
    judges: list[Judge] = []

    def made(name: str, threshold: float = 1.0, timeout: float = 20.0, **kwargs: Any) -> Ask:
        judge = Judge(RewardFunction(str(tmp_path / "mine.py"), name, kwargs), threshold, timeout)
        judges.append(judge)

        async def judged(response: str, ground_truth: Any = None) -> Judgement:
            return await judge(response, data_source="mine", ground_truth=ground_truth, extra_info={})

        judged.judge = judge  # type: ignore[attr-defined]
        return judged

    yield made
    for judge in judges:
        judge.close()


async def test_own_function_accepts_and_rejects() -> None:
    judge = Judge(RewardFunction(), 1.0, 20.0)
    truth = {"target": 29, "numbers": [3, 5, 8]}
    right = await judge("<answer>3*8+5</answer>", data_source="countdown", ground_truth=truth, extra_info=None)
    wrong = await judge("<answer>3*8</answer>", data_source="countdown", ground_truth=truth, extra_info=None)
    judge.close()
    assert right == Judgement(1.0, True, "none")
    assert wrong == Judgement(0.0, False, "wrong_numbers")


async def test_threshold_and_reward_kwargs(ask: Callable[..., Ask]) -> None:
    length = ask("length", threshold=0.5, longest=3)
    assert await length("abcdef", 6) == Judgement(0.5, True)
    assert await length("ab", 6) == Judgement(2 / 6, False)


async def test_misbehaviour_gives_no_verdict_and_the_next_response_is_judged(ask: Callable[..., Ask]) -> None:
    judged = ask("misbehaves")
    for response, why in {
        "raise": "raised KeyError",
        "die": "ended its process with exit code 9",
        "nan": "returned the score nan",
        "words": "returned the score 'good', which is no number",
    }.items():
        verdict = await judged(response)
        assert why in verdict.error and not verdict.passed
        with pytest.raises(VerifierError, match=r"mine\.py:misbehaves"):
            required(verdict)
    assert required(await judged("right")).passed


async def test_a_function_that_holds_the_gil_is_ended_and_blocks_nobody(ask: Callable[..., Ask]) -> None:
    judged = ask("misbehaves", timeout=1.0)
    assert (await judged("right")).passed  # the process is up
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    started = time.monotonic()
    verdict = await judged("regex")
    ticking.cancel()
    assert "took longer than reflect.verifier_timeout=1 s" in verdict.error
    assert time.monotonic() - started < 5
    assert ticks > 20, "the event loop went on meanwhile"
    assert (await judged("right")).passed


async def test_async_functions_are_awaited_under_the_same_limit(ask: Callable[..., Ask]) -> None:
    judged = ask("waits", timeout=0.2)
    assert (await judged("0.0")).passed
    assert "took longer" in (await judged("60")).error


async def test_a_users_function_is_asked_whether_it_accepts_the_reflection(ask: Callable[..., Ask]) -> None:
    judge = ask("misbehaves").judge
    row = {"question": "?", "data_source": "mine", "ground_truth": None, "extra_info": {}}
    assert (await judge.given_away("right", **row)).passed
    assert not (await judge.given_away("something else", **row)).passed
    assert "raised KeyError" in (await judge.given_away("raise", **row)).error


async def test_a_reflection_that_holds_up_the_judge_does_not_cost_the_retry_its_verdict(
    ask: Callable[..., Ask],
) -> None:
    judge = ask("misbehaves", timeout=1.0).judge
    row = {"data_source": "mine", "ground_truth": None, "extra_info": {}}
    reflection, retry = await asyncio.gather(judge.given_away("regex", question="?", **row), judge("right", **row))
    assert "took longer than reflect.verifier_timeout=1 s" in reflection.error
    assert retry.passed and not retry.error


async def test_the_rows_task_says_whether_a_reflection_gives_the_answer_away() -> None:
    judge = Judge(RewardFunction(kwargs={"tasks": ()}), 1.0, 20.0)
    row = {"question": "?", "data_source": "countdown", "ground_truth": {"target": 29, "numbers": [3, 5, 8]}}
    assert (await judge.given_away("so 3 * 8 + 5 .", **row, extra_info=None)).passed
    assert not (await judge.given_away("so multiply .", **row, extra_info=None)).passed
    judge.close()


@pytest.mark.parametrize(
    ("assignments", "looks"),
    [
        ([], False),
        (["reflect.penalties.too_long=0.1"], False),
        (["reflect.penalties.answer_in_reflection=0.1"], True),
        (["reflect.guards=[{metric: reflect/answer_in_reflection, above: 0.5}]"], True),
    ],
)
def test_a_users_function_is_asked_about_reflections_only_where_something_stands_on_it(
    recipe_config: Callable[..., DictConfig], assignments: list[str], looks: bool
) -> None:
    assert Judge.from_config(recipe_config(*assignments)).looks_at_reflections, "the row's task is asked in any case"
    own = recipe_config(*assignments, "reward.custom_reward_function.path=mine.py")
    assert Judge.from_config(own).looks_at_reflections is looks


@pytest.mark.parametrize(
    ("assignments", "processes"),
    [
        (["actor_rollout_ref.rollout.agent.num_workers=8", "trainer.nnodes=2"], 4),
        (["actor_rollout_ref.rollout.agent.num_workers=3", "trainer.nnodes=2"], 8),
        (["actor_rollout_ref.rollout.agent.num_workers=1"], 16),
        (["actor_rollout_ref.rollout.agent.num_workers=99"], 1),
    ],
)
def test_the_workers_of_a_node_share_its_processes(
    recipe_config: Callable[..., DictConfig], assignments: list[str], processes: int
) -> None:
    config = recipe_config(*assignments, "reflect.verifier_processes=16")
    assert processes_of_a_worker(config, ReflectConfig.from_config(config)) == processes
