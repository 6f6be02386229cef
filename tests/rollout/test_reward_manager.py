"""Paying: what an episode is worth, and the same numbers for every session."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig
from tensordict import TensorDict
from verl import DataProto
from verl.experimental.reward_loop.reward_manager import get_reward_manager_cls

from verl_reflect.records.transcripts import Episode, Judgement, Utterance
from verl_reflect.rollout.reward_manager import ReflectRewardManager

RIGHT, WRONG = Utterance("<answer> 3 * 8 + 5 </answer>", 10), Utterance("<answer> 3 + 8 + 5 </answer>", 10)
FAILED, PASSED = Judgement(0.0, False, "missed_target"), Judgement(1.0, True, "none")
REFLECTION = Utterance("I should multiply .", 5)


@pytest.fixture
def make_pay(recipe_config: Callable[..., DictConfig]) -> Callable[..., Any]:
    """`make_pay("reflect.…=…")` gives a function that pays an episode under that configuration."""

    def made(*assignments: str) -> Callable[..., Any]:
        manager = ReflectRewardManager(recipe_config(*assignments), tokenizer=None, compute_score=None)
        return lambda episode: manager.run_single(rows_with(episode))

    return made


def rows_with(episode: Episode) -> DataProto:
    """As much of verl's view of a session as the manager reads."""
    return DataProto(
        batch=TensorDict({"responses": torch.zeros(1, 5)}, batch_size=1),
        non_tensor_batch={"tool_extra_fields": np.array([{"episode": episode}], dtype=object)},
    )


@pytest.fixture
def pay(make_pay: Callable[..., Any]) -> Any:
    return make_pay()


def reflected(*verdicts: Judgement, reflection: Utterance = REFLECTION, **more: Any) -> Episode:
    """A session with a retry for each verdict."""
    retries = tuple(RIGHT if verdict.passed else WRONG for verdict in verdicts)
    return Episode(0, "countdown", "Make 29", WRONG, FAILED, reflection, retries, verdicts, **more)


SOLVED = Episode(0, "countdown", "Make 29", RIGHT, PASSED, validate=True)


@pytest.mark.parametrize(
    ("verdicts", "reward"),
    [((PASSED,), 1.0), ((FAILED,), 0.0), ((PASSED, FAILED, FAILED, PASSED), 0.5), ((), 0.0)],
)
async def test_the_reward_is_the_share_of_retries_that_pass(pay: Any, verdicts: Any, reward: float) -> None:
    paid = await pay(reflected(*verdicts))
    assert paid["reward_score"] == reward
    info = paid["reward_extra_info"]
    assert (info["acc"], info["first_try"], info["second_try"], info["reflected"]) == (reward, 0.0, reward, 1.0)


async def test_first_try_success_counts_as_accuracy_but_not_as_a_second_try(pay: Any) -> None:
    info = (await pay(SOLVED))["reward_extra_info"]
    assert (info["acc"], info["first_try"], info["second_try"], info["reflected"]) == (1.0, 1.0, 0.0, 0.0)


async def test_keys_are_the_same_for_all_and_none_is_called_reward(pay: Any) -> None:
    keys = [set((await pay(episode))["reward_extra_info"]) for episode in (reflected(PASSED), reflected(), SOLVED)]
    assert keys[0] == keys[1] == keys[2]
    assert "reward" not in keys[0], "verl would count it twice"


async def test_the_category_is_that_of_the_last_try(pay: Any) -> None:
    assert (await pay(reflected(FAILED, PASSED)))["reward_extra_info"]["category"] == "none"
    assert (await pay(reflected()))["reward_extra_info"]["category"] == "missed_target"


async def test_a_try_without_a_verdict_is_counted(pay: Any) -> None:
    info = (await pay(reflected(Judgement(0.0, False, error="hangs"), validate=True)))["reward_extra_info"]
    assert (info["second_try"], info["verifier_error"]) == (0.0, 1.0)


PENALTIES = "reflect.penalties={answer_in_reflection: 0.5, foreign_script: 0.2, too_long: 0.4}"
SPOILER = Utterance("Use 3 * 8 + 5 乘法加法", 12)  # no Latin letter is foreign, all other four are: 4 of 7


async def test_faults_of_the_reflection_are_counted_and_cost_nothing(pay: Any) -> None:
    paid = await pay(reflected(PASSED, reflection=SPOILER, given_away=PASSED))
    info = paid["reward_extra_info"]
    assert (info["answer_in_reflection"], info["foreign_script"], info["too_long"]) == (1.0, 4 / 7, 0.5)
    assert (paid["reward_score"], info["penalty"], info["verifier_error"]) == (1.0, 0.0, 0.0)


async def test_penalties_are_taken_off_the_reward_and_off_nothing_else(make_pay: Any) -> None:
    paid = await make_pay(PENALTIES)(reflected(PASSED, reflection=SPOILER, given_away=PASSED))
    cost = 0.5 + 0.2 * 4 / 7 + 0.4 * 0.5
    assert paid["reward_score"] == pytest.approx(1 - cost)
    info = paid["reward_extra_info"]
    assert (info["acc"], info["second_try"]) == (1.0, 1.0) and info["penalty"] == pytest.approx(cost)


async def test_a_good_reflection_has_no_faults(make_pay: Any) -> None:
    paid = await make_pay(PENALTIES)(reflected(PASSED))
    assert (paid["reward_score"], paid["reward_extra_info"]["penalty"]) == (1.0, 0.0)


def test_it_is_registered_under_its_name() -> None:
    assert get_reward_manager_cls("reflect") is ReflectRewardManager
