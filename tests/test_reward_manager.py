"""Paying: success of the retry, and the same numbers for every session."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig
from tensordict import TensorDict
from verl import DataProto
from verl.experimental.reward_loop.reward_manager import get_reward_manager_cls

from verl_reflect.episode import Episode, Utterance
from verl_reflect.judge import Judgement, VerifierError
from verl_reflect.reward_manager import ReflectRewardManager

RIGHT, WRONG = Utterance("<answer> 3 * 8 + 5 </answer>", 10), Utterance("<answer> 3 + 8 + 5 </answer>", 10)
FAILED, PASSED = Judgement(0.0, False, "missed_target"), Judgement(1.0, True, "none")
REFLECTION = Utterance("I should multiply .", 5)


@pytest.fixture
def pay(recipe_config: Callable[..., DictConfig]) -> Iterator[Callable[..., Any]]:
    manager = ReflectRewardManager(recipe_config(), tokenizer=None, compute_score=None)

    async def paid(episode: Episode, ground_truth: Any = None) -> dict[str, Any]:
        truth = ground_truth or {"target": 29, "numbers": [3, 5, 8]}
        data = DataProto(
            batch=TensorDict({"responses": torch.zeros(1, 5)}, batch_size=1),
            non_tensor_batch={
                "data_source": np.array(["countdown"]),
                "reward_model": np.array([{"ground_truth": truth}]),
                "extra_info": np.array([{}]),
                "tool_extra_fields": np.array([{"episode": episode}], dtype=object),
            },
        )
        return await manager.run_single(data)

    yield paid
    manager.judge.close()


def reflected(*retries: Utterance, validate: bool = False) -> Episode:
    return Episode(0, "countdown", "Make 29", WRONG, FAILED, REFLECTION, retries, validate)


@pytest.mark.parametrize(
    ("retries", "reward"),
    [((RIGHT,), 1.0), ((WRONG,), 0.0), ((RIGHT, WRONG, WRONG, RIGHT), 0.5), ((), 0.0)],
)
async def test_the_reward_is_the_share_of_retries_that_pass(pay: Any, retries: Any, reward: float) -> None:
    paid = await pay(reflected(*retries))
    assert paid["reward_score"] == reward
    info = paid["reward_extra_info"]
    assert (info["acc"], info["first_try"], info["second_try"], info["reflected"]) == (reward, 0.0, reward, 1.0)


async def test_first_try_success_counts_as_accuracy_but_not_as_a_second_try(pay: Any) -> None:
    paid = await pay(Episode(0, "countdown", "Make 29", RIGHT, PASSED, validate=True))
    info = paid["reward_extra_info"]
    assert (info["acc"], info["first_try"], info["second_try"], info["reflected"]) == (1.0, 1.0, 0.0, 0.0)


async def test_keys_are_the_same_for_all_and_none_is_called_reward(pay: Any) -> None:
    episodes = [reflected(RIGHT), reflected(), Episode(0, "countdown", "Make 29", RIGHT, PASSED, validate=True)]
    keys = [set((await pay(episode))["reward_extra_info"]) for episode in episodes]
    assert keys[0] == keys[1] == keys[2]
    assert "reward" not in keys[0], "verl would count it twice"


async def test_no_verdict_stops_training_and_fails_validation(pay: Any) -> None:
    with pytest.raises(VerifierError):
        await pay(reflected(RIGHT), ground_truth="broken")
    info = (await pay(reflected(RIGHT, validate=True), ground_truth="broken"))["reward_extra_info"]
    assert (info["second_try"], info["verifier_error"]) == (0.0, 1.0)


def test_it_is_registered_under_its_name() -> None:
    assert get_reward_manager_cls("reflect") is ReflectRewardManager
