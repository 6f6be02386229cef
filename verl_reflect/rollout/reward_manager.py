"""The reward manager `reflect`: pays success of the retry to the reflection's tokens and nowhere else (paper, section
3).

The row's response *is* the reflection (see row.py), so verl's own placing of the reward on the last response token pays
the reflection alone, and verl's advantage estimators spread it over its tokens. The verdicts are the loop's.
"""

from typing import Any

from omegaconf import DictConfig
from verl import DataProto
from verl.experimental.reward_loop.reward_manager import register
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase

from verl_reflect.config import ReflectConfig
from verl_reflect.rollout.episode import Outcome


@register("reflect")
class ReflectRewardManager(RewardManagerBase):
    """Pays each session what its episode is worth.

    verl hands every reward manager a `compute_score`. It is not called: the loop has judged with the same function, in
    a process that can be ended.
    """

    def __init__(self, config: DictConfig, tokenizer: Any, compute_score: Any, **reward_model: Any):
        super().__init__(config, tokenizer, compute_score)
        self.settings = ReflectConfig.from_config(config)

    async def run_single(self, data: DataProto) -> dict[str, Any]:
        """Pay one session.

        Args:
            data: verl's view of the session's rows; the last one carries the episode.

        Returns:
            `reward_score`: share of the retries that passed, or 1 for a task solved at first try, less the penalties
            (`Outcome.reward`); `reward_extra_info`: `Outcome.report`.
        """
        episode = data[-1].non_tensor_batch["tool_extra_fields"]["episode"]
        outcome = Outcome.under(self.settings, episode)
        return {"reward_score": outcome.reward, "reward_extra_info": outcome.report()}
