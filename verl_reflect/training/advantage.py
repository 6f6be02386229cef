"""Estimators of advantages beside verl's own. verl finds them by name once this module is imported.

**Turns that stay where they are while the reflection is trained** (`reflect.keep`, estimator `grpo_keeping`). All turns
share the model's weights, so training reflections can break the retry, which then no longer does what a good reflection
says. A kept turn is a training row without an advantage: verl's KL loss holds its tokens to the reference model, and
nothing else acts on them. An estimator sees rewards, masks and groups of the rows, but not what they are. So the mask
tells: a kept row's first token is masked, a trained row's never is (rollout/row.py checks both). Kept rows count in no
baseline. The paper has a KL penalty on the trained tokens only and says nothing of the others; this is ours, off by
default.

**The control `reflect.control=shuffled`** (estimator `grpo_shuffled`): GRPO with rewards permuted within each group.
The same number of reflections is paid, but not the ones that earned it. Training on it must not help. It can harm: a
random direction is not a neutral one, so compare with the untrained model too.
"""

from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig
from verl.trainer.ppo.core_algos import compute_grpo_outcome_advantage, register_adv_est


@register_adv_est("grpo_keeping")
def grpo_keeping(
    token_level_rewards: torch.Tensor, response_mask: torch.Tensor, index: np.ndarray, config: DictConfig, **_: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """GRPO's advantages and returns, both (rows, tokens), among the trained rows of each group; 0 in kept rows.

    Args:
        token_level_rewards: (rows, tokens).
        response_mask: (rows, tokens); 0 at the first token of a kept row.
        index: (rows,), the group of each row.
        config: verl's `algorithm` section.
    """
    trained = response_mask[:, 0] > 0
    advantages = torch.zeros_like(token_level_rewards)
    advantages[trained], _returns = compute_grpo_outcome_advantage(
        token_level_rewards[trained],
        response_mask[trained],
        index[trained.numpy()],
        norm_adv_by_std_in_grpo=config.norm_adv_by_std_in_grpo,
    )
    return advantages, advantages


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
