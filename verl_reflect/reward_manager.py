"""The reward manager `reflect`: pays success of the retry to the reflection's tokens and nowhere else (paper, section
3).

The row's response *is* the reflection (see row.py), so verl's own placing of the reward on the last response token pays
the reflection alone, and verl's advantage estimators spread it over its tokens.
"""

import asyncio
from typing import Any

from omegaconf import DictConfig
from verl import DataProto
from verl.experimental.reward_loop.reward_manager import register
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase

from verl_reflect.episode import Episode, Outcome
from verl_reflect.judge import Judge, Judgement


@register("reflect")
class ReflectRewardManager(RewardManagerBase):
    """Judges the retries of an episode with the function that judged its first attempt.

    verl hands every reward manager a `compute_score`. It is not called here: the judge loads the same function itself,
    in a process that can be ended.
    """

    def __init__(self, config: DictConfig, tokenizer: Any, compute_score: Any, **reward_model: Any):
        super().__init__(config, tokenizer, compute_score)
        self.judge = Judge.from_config(config)

    async def run_single(self, data: DataProto) -> dict[str, Any]:
        """Pay one session.

        Args:
            data: verl's view of the session's rows; the last one carries the episode.

        Returns:
            `reward_score`: share of the retries that passed, or 1 for a task solved at first try (validation only);
            `reward_extra_info`: `Outcome.metrics`, the same numeric keys for every session, and the error `category`,
            which verl's averages pass over because it is a string.

        Raises:
            VerifierError: the reward function gave no verdict in a training session. In validation the retry counts as
                failed and `verifier_error` is 1.
        """
        row = data[-1].non_tensor_batch
        episode: Episode = row["tool_extra_fields"]["episode"]
        verdicts = await asyncio.gather(*(self._verdict(row, retry.text) for retry in episode.retries))
        if not episode.validate:
            verdicts = [verdict.require_verdict() for verdict in verdicts]
        outcome = Outcome(episode, list(verdicts))
        return {
            "reward_score": outcome.accuracy,
            "reward_extra_info": {**outcome.metrics(), "category": outcome.category},
        }

    async def _verdict(self, row: dict[str, Any], response: str) -> Judgement:
        return await self.judge(
            response,
            data_source=row["data_source"],
            ground_truth=row["reward_model"]["ground_truth"],
            extra_info=row.get("extra_info"),
        )
