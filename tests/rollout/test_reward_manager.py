"""Paying: success of the retry, and the same numbers for every session."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig
from tensordict import TensorDict
from verl import DataProto
from verl.experimental.reward_loop.reward_manager import get_reward_manager_cls

from verl_reflect.rollout.episode import Episode, Utterance
from verl_reflect.rollout.judge import Judgement, VerifierError
from verl_reflect.rollout.reward_manager import ReflectRewardManager

RIGHT, WRONG = Utterance("<answer> 3 * 8 + 5 </answer>", 10), Utterance("<answer> 3 + 8 + 5 </answer>", 10)
FAILED, PASSED = Judgement(0.0, False, "missed_target"), Judgement(1.0, True, "none")
REFLECTION = Utterance("I should multiply .", 5)


@pytest.fixture
def make_pay(recipe_config: Callable[..., DictConfig]) -> Iterator[Callable[..., Any]]:
    """`make_pay("reflect.…=…")` gives a function that pays an episode under that configuration."""
    managers = []

    def made(*assignments: str) -> Callable[..., Any]:
        managers.append(ReflectRewardManager(recipe_config(*assignments), tokenizer=None, compute_score=None))
        return partial(paid, managers[-1])

    async def paid(manager: ReflectRewardManager, episode: Episode, ground_truth: Any = None) -> dict[str, Any]:
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

    yield made
    for manager in managers:
        manager.judge.close()


@pytest.fixture
def pay(make_pay: Callable[..., Any]) -> Any:
    return make_pay()


def reflected(*retries: Utterance, validate: bool = False, reflection: Utterance = REFLECTION) -> Episode:
    return Episode(0, "countdown", "Make 29", WRONG, FAILED, reflection, retries, validate)


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


PENALTIES = "reflect.penalties={answer_in_reflection: 0.5, foreign_script: 0.2, too_long: 0.4}"
SPOILER = Utterance("Use 3 * 8 + 5 乘法加法", 12)  # no Latin letter is foreign, all other four are: 4 of 7


async def test_faults_of_the_reflection_are_counted_and_cost_nothing(pay: Any) -> None:
    paid = await pay(reflected(RIGHT, reflection=SPOILER))
    info = paid["reward_extra_info"]
    assert (info["answer_in_reflection"], info["foreign_script"], info["too_long"]) == (1.0, 4 / 7, 0.5)
    assert (paid["reward_score"], info["penalty"], info["verifier_error"]) == (1.0, 0.0, 0.0)


async def test_penalties_are_taken_off_the_reward_and_off_nothing_else(make_pay: Any) -> None:
    paid = await make_pay(PENALTIES)(reflected(RIGHT, reflection=SPOILER))
    cost = 0.5 + 0.2 * 4 / 7 + 0.4 * 0.5
    assert paid["reward_score"] == pytest.approx(1 - cost)
    info = paid["reward_extra_info"]
    assert (info["acc"], info["second_try"]) == (1.0, 1.0) and info["penalty"] == pytest.approx(cost)


async def test_a_good_reflection_has_no_faults(make_pay: Any) -> None:
    paid = await make_pay(PENALTIES)(reflected(RIGHT))
    assert (paid["reward_score"], paid["reward_extra_info"]["penalty"]) == (1.0, 0.0)


async def test_an_empty_reflection_gives_nothing_away(pay: Any) -> None:
    info = (await pay(reflected(reflection=Utterance(" ", 2))))["reward_extra_info"]
    assert (info["answer_in_reflection"], info["foreign_script"], info["too_long"]) == (0.0, 0.0, 0.0)


async def test_no_verdict_on_a_reflection_is_counted_and_stops_nothing(make_pay: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def compute_score(data_source, solution_str, ground_truth, extra_info=None):\n"
        "    return {'right': 1.0, 'wrong': 0.0}[solution_str]\n"
    )
    pay = make_pay(f"reward.custom_reward_function.path={tmp_path}/mine.py", PENALTIES)
    paid = await pay(reflected(Utterance("right", 1), reflection=Utterance("odd", 1)))
    info = paid["reward_extra_info"]
    assert (paid["reward_score"], info["answer_in_reflection"], info["verifier_error"]) == (1.0, 0.0, 1.0)
    paid = await pay(reflected(Utterance("right", 1), reflection=Utterance("right", 1)))
    assert (paid["reward_score"], paid["reward_extra_info"]["answer_in_reflection"]) == (0.5, 1.0)


def test_it_is_registered_under_its_name() -> None:
    assert get_reward_manager_cls("reflect") is ReflectRewardManager
