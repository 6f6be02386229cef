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

from verl_reflect.config import ReflectConfig
from verl_reflect.rollout.episode import NOT_GIVEN_AWAY, Episode, Outcome
from verl_reflect.rollout.judge import Judge, Judgement
from verl_reflect.rollout.penalties import foreign_share, too_long
from verl_reflect.tasks.registry import task_for


@register("reflect")
class ReflectRewardManager(RewardManagerBase):
    """Judges the retries of an episode with the function that judged its first attempt.

    verl hands every reward manager a `compute_score`. It is not called here: the judge loads the same function itself,
    in a process that can be ended.
    """

    def __init__(self, config: DictConfig, tokenizer: Any, compute_score: Any, **reward_model: Any):
        super().__init__(config, tokenizer, compute_score)
        self.judge = Judge.from_config(config)
        self.settings = ReflectConfig.from_config(config)

    async def run_single(self, data: DataProto) -> dict[str, Any]:
        """Pay one session.

        Args:
            data: verl's view of the session's rows; the last one carries the episode.

        Returns:
            `reward_score`: share of the retries that passed, or 1 for a task solved at first try, less the penalties
            (`Outcome.reward`); `reward_extra_info`: `Outcome.metrics`, the same numeric keys for every session, and the
            error `category`, which verl's averages pass over because it is a string.

        Raises:
            VerifierError: the reward function gave no verdict in a training session. In validation the retry counts as
                failed and `verifier_error` is 1.
        """
        row = data[-1].non_tensor_batch
        episode: Episode = row["tool_extra_fields"]["episode"]
        *verdicts, given_away = await asyncio.gather(
            *(self._verdict(row, retry.text) for retry in episode.retries), self._given_away(row, episode)
        )
        if not episode.validate:
            verdicts = [verdict.require_verdict() for verdict in verdicts]
        outcome = Outcome(
            episode,
            verdicts,
            given_away,
            foreign_script=self._foreign_script(episode),
            too_long=self._too_long(episode),
            penalties=self.settings.penalties,
        )
        return {
            "reward_score": outcome.reward,
            "reward_extra_info": {**outcome.metrics(), "category": outcome.category},
        }

    async def _verdict(self, row: dict[str, Any], response: str) -> Judgement:
        return await self.judge(response, **_row_arguments(row))

    async def _given_away(self, row: dict[str, Any], episode: Episode) -> Judgement:
        """No verdict on this counts as no, and `verifier_error` says so: it is no reason to lose a session."""
        if episode.reflection is None or episode.reflection.empty:
            return NOT_GIVEN_AWAY
        return await self.judge.given_away(episode.reflection.text, question=episode.task, **_row_arguments(row))

    def _foreign_script(self, episode: Episode) -> float:
        if episode.reflection is None:
            return 0.0
        request = (
            self.settings.reflection_prompt or task_for(episode.data_source, self.settings.tasks).reflection_prompt
        )
        return foreign_share(episode.reflection.text, episode.task, request)

    def _too_long(self, episode: Episode) -> float:
        if episode.reflection is None:
            return 0.0
        expected, limit = self.settings.expected_reflection_length, self.settings.max_reflection_tokens
        return too_long(episode.reflection.tokens, expected, limit)


def _row_arguments(row: dict[str, Any]) -> dict[str, Any]:
    """What a judge needs to know of a row."""
    return {
        "data_source": row["data_source"],
        "ground_truth": row["reward_model"]["ground_truth"],
        "extra_info": row.get("extra_info"),
    }
