"""Advantages as numbers one can read, through the very function that verl's trainer calls."""

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from tensordict import TensorDict
from verl import DataProto
from verl.trainer.ppo.v1.utils import compute_advantage_for_multi_trajectories

ROOT_HALF = 0.7071  # two of two: (r - mean) / std with the unbiased std


def advantages(
    rewards: dict[str, list[float]],
    estimator: str = "grpo",
    *,
    by_std: bool = True,
    lengths: list[int] | None = None,
    kept: tuple[int, ...] = (),
) -> list[list[float]]:
    """Advantages of every token of rows whose response is all reflection. `rewards` is by group, `kept` are rows."""
    scores = [reward for group in rewards.values() for reward in group]
    lengths = lengths or [2] * len(scores)
    mask = torch.zeros(len(scores), max(lengths))
    token_rewards = torch.zeros_like(mask)
    for i, (reward, length) in enumerate(zip(scores, lengths, strict=True)):
        mask[i, int(i in kept) : length] = 1
        token_rewards[i, length - 1] = reward
    keys = [f"{uid}_{session}_0" for uid, group in rewards.items() for session in range(len(group))]
    data = DataProto(
        batch=TensorDict({"response_mask": mask, "token_level_rewards": token_rewards}, batch_size=len(scores)),
        non_tensor_batch={"uid": np.array([key.split("_")[0] for key in keys], dtype=object)},
    )
    algorithm = OmegaConf.create({"norm_adv_by_std_in_grpo": by_std})
    result = compute_advantage_for_multi_trajectories(
        data, keys, estimator, num_repeat=2, norm_adv_by_std_in_grpo=by_std, config=algorithm
    )
    return [
        [round(value, 4) for value in row[:n].tolist()]
        for row, n in zip(result.batch["advantages"], lengths, strict=True)
    ]


def test_the_better_reflection_of_a_pair_wins_what_the_other_loses() -> None:
    assert advantages({"a": [1, 0]}) == [[ROOT_HALF] * 2, [-ROOT_HALF] * 2]


def test_every_token_of_a_reflection_gets_the_same_whatever_its_length() -> None:
    assert advantages({"a": [1, 0]}, lengths=[1, 3]) == [[ROOT_HALF], [-ROOT_HALF] * 3]


def test_one_success_among_four() -> None:
    assert [row[0] for row in advantages({"a": [1, 0, 0, 0]})] == [1.5, -0.5, -0.5, -0.5]


@pytest.mark.parametrize("reward", [0.0, 1.0])
def test_a_group_that_agrees_teaches_nothing(reward: float) -> None:
    assert advantages({"a": [reward, reward]}) == [[0.0, 0.0], [0.0, 0.0]]


def test_groups_have_baselines_of_their_own() -> None:
    together = advantages({"a": [1, 0], "b": [1, 1, 0, 0]})
    assert together == advantages({"a": [1, 0]}) + advantages({"b": [1, 1, 0, 0]})


def test_share_of_several_retries() -> None:
    assert advantages({"a": [0.75, 0.25]}, by_std=False) == [[0.25] * 2, [-0.25] * 2]


def test_without_std() -> None:
    assert advantages({"a": [1, 0]}, by_std=False) == [[0.5] * 2, [-0.5] * 2]


def test_rloo_compares_with_the_others() -> None:
    assert [row[0] for row in advantages({"a": [1, 0, 0]}, "rloo")] == [1.0, -0.5, -0.5]


def test_shuffling_pays_as_many_but_not_the_same() -> None:
    torch.manual_seed(0)
    winners = set()
    for _ in range(20):
        rows = advantages({"a": [1, 0, 0, 0], "b": [0, 0]}, "grpo_shuffled")
        assert sorted(row[0] for row in rows[:4]) == [-0.5, -0.5, -0.5, 1.5]
        assert rows[4:] == [[0.0, 0.0], [0.0, 0.0]], "rewards do not leave their group"
        winners.add([row[0] for row in rows].index(1.5))
    assert winners == {0, 1, 2, 3}


def session_advantages(sessions: list[tuple[float, int]], estimator: str = "grpo") -> list[list[float]]:
    """Advantages of the sessions of a group, given as (reward, trained turns). Every turn is a row of one token."""
    keys = [f"a_{number}_{turn}" for number, (_, turns) in enumerate(sessions) for turn in range(turns)]
    rewards = torch.tensor([[float(reward)] for reward, turns in sessions for _ in range(turns)])
    data = DataProto(
        batch=TensorDict(
            {"response_mask": torch.ones(len(keys), 1), "token_level_rewards": rewards}, batch_size=len(keys)
        ),
        non_tensor_batch={"uid": np.array(["a"] * len(keys), dtype=object)},
    )
    result = compute_advantage_for_multi_trajectories(data, keys, estimator, num_repeat=2, config=None)
    flat = iter(result.batch["advantages"][:, 0].tolist())
    return [[round(next(flat), 4) for _ in range(turns)] for _, turns in sessions]


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_all_trained_turns_of_a_session_earn_the_same(turns: int) -> None:
    assert session_advantages([(1, turns), (0, turns)]) == [[ROOT_HALF] * turns, [-ROOT_HALF] * turns]


def test_a_session_counts_once_in_the_baseline_however_many_turns_it_trains() -> None:
    rows = session_advantages([(1, 1), (0, 3), (0, 3), (0, 3)])
    assert rows == [[1.5], [-0.5] * 3, [-0.5] * 3, [-0.5] * 3]


def test_other_estimators_would_count_the_turns_and_are_refused_by_the_checks() -> None:
    assert session_advantages([(1, 1), (0, 1), (0, 1)], "rloo")[0] == [1.0]
    assert session_advantages([(1, 3), (0, 1), (0, 1)], "rloo")[0] != [1.0] * 3


def test_a_kept_turn_has_no_advantage_and_moves_no_baseline() -> None:
    kept_then_trained = {"a": [1, 1, 0, 0]}  # the kept retry and the reflection of each session earn the same
    assert advantages(kept_then_trained, "grpo_keeping", kept=(0, 2)) == [
        [0.0, 0.0],
        [ROOT_HALF] * 2,
        [0.0, 0.0],
        [-ROOT_HALF] * 2,
    ]


def test_without_kept_turns_keeping_is_grpo() -> None:
    rewards = {"a": [1, 0, 0], "b": [1, 1, 0, 0]}
    for by_std in (True, False):
        assert advantages(rewards, "grpo_keeping", by_std=by_std) == advantages(rewards, by_std=by_std)


def test_shuffled_rewards_are_scaled_as_the_configuration_says() -> None:
    assert sorted(advantages({"a": [1, 0]}, "grpo_shuffled", by_std=False)) == [[-0.5] * 2, [0.5] * 2]
