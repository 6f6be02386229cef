"""The control `reflect.control=shuffled`: GRPO with the rewards permuted within each group.

The same number of reflections is paid, but not the ones that earned it. Training on it must not help. It can harm: a
random direction is not a neutral one, so compare with the untrained model too.
"""

from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig
from verl.trainer.ppo.core_algos import compute_grpo_outcome_advantage, register_adv_est


@register_adv_est("grpo_shuffled")
def grpo_shuffled(
    token_level_rewards: torch.Tensor, response_mask: torch.Tensor, index: np.ndarray, config: DictConfig, **_: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """GRPO's advantages and returns, both (rows, tokens), after permuting the rows' rewards within a group.

    Args:
        token_level_rewards: (rows, tokens).
        response_mask: (rows, tokens).
        index: (rows,), the group of each row.
        config: verl's `algorithm` section.
    """
    rewards = token_level_rewards.sum(dim=-1)
    for group in np.unique(index):
        rows = torch.from_numpy(np.flatnonzero(index == group))
        rewards[rows] = rewards[rows[torch.randperm(len(rows))]]
    shuffled = torch.zeros_like(token_level_rewards)
    shuffled[:, 0] = rewards
    return compute_grpo_outcome_advantage(
        shuffled, response_mask, index, norm_adv_by_std_in_grpo=config.norm_adv_by_std_in_grpo
    )
