"""All that this package knows of TransferQueue and of the inside of verl's V1 trainer. When verl moves, this moves.

verl's trainer puts prompts into a queue and takes groups of rows out of it through a replay buffer. Rows have keys
`uid_session_row`; a group is what shares a uid. `GroupQueue` is verl's synchronous replay buffer with our questions
asked in it: which finished groups to replace, and what the sessions of a batch left behind.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable
from typing import Any

import transfer_queue as tq
from omegaconf import DictConfig
from transfer_queue import KVBatchMeta
from verl.trainer.ppo.v1.agent_loop_tq import AgentLoopManagerTQ
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

from verl_reflect.records.transcripts import Transcript

__all__ = ["POLL_SECONDS", "VALIDATION", "AgentLoopManagerTQ", "Batch", "GroupQueue"]

POLL_SECONDS = 0.05
"""Between two looks at the queue. verl waits 2 s."""

VALIDATION = "val"
"""The partition of the queue that validations use."""

Batch = KVBatchMeta
"""The rows of a step: `keys`, and `tags` with each row's `response_len`."""


class GroupQueue(ReplayBuffer, ABC):
    """verl's synchronous replay buffer, replacing one for one the groups that it is told to.

    Args:
        sampler_kwargs: `trainer.v1.sampler.sampler_kwargs`, which the recipe fills.
        trainer_arguments: What verl's trainer hands to any custom sampler.
    """

    def __init__(self, *, sampler_kwargs: DictConfig, **trainer_arguments: Any):
        filter_groups = sampler_kwargs.filter_groups
        super().__init__(
            sampler_kwargs=sampler_kwargs,
            poll_interval=POLL_SECONDS,
            filter_groups_metric=filter_groups.metric if filter_groups.enable else None,
            max_inflight_gen_batches=filter_groups.max_inflight_gen_batches,
            train_batch_size=sampler_kwargs.train_batch_size,
            gen_batch_size=1,
            sync_refill_failed_groups=True,
            **trainer_arguments,
        )

    @abstractmethod
    def note_replaced(self, solved: set[str], failed: set[str], flat: list[list[Transcript]]) -> None:
        """These groups are thrown away: two sets of uids, and the sessions of the groups without a difference."""

    def _terminal_eviction_reasons(
        self, global_steps: int, partition_id: str
    ) -> tuple[set[str], set[str], set[str], Counter[float]]:
        """verl asks here which finished groups to replace: (stale, without variance, failed, reward counts)."""
        if partition_id == VALIDATION:
            return super()._terminal_eviction_reasons(global_steps, partition_id)
        with_rows = {_uid(key) for key in self.partitions[partition_id]}
        solved = self.finished_keys[partition_id] - with_rows
        self.finished_keys[partition_id] -= solved  # verl's filter takes a finished group without rows for an error
        stale, flat, _, counts = super()._terminal_eviction_reasons(global_steps, partition_id)
        failed = set(self.failure_keys[partition_id])
        rows_of_flat = [key for key in self.partitions[partition_id] if _uid(key) in flat]
        self.note_replaced(solved, failed, by_group(self.sessions(rows_of_flat, partition_id, global_steps)))
        return stale, flat, solved | failed, counts

    @staticmethod
    def sessions(row_keys: Iterable[str], partition_id: str, step: int) -> list[Transcript]:
        """The sessions that these rows belong to, in order: what a row carries besides tokens is the same in all."""
        keys = list(row_keys)
        if not keys:
            return []
        data = tq.kv_batch_get(keys=keys, partition_id=partition_id, select_fields=["extra_fields"])
        rows = {key.rpartition("_")[0]: row for key, row in zip(keys, data["extra_fields"], strict=True)}
        return [_transcript(key, step, row) for key, row in sorted(rows.items())]


def by_group(sessions: Iterable[Transcript]) -> list[list[Transcript]]:
    """Sessions that belong together."""
    groups: dict[str, list[Transcript]] = {}
    for session in sessions:
        groups.setdefault(session.group, []).append(session)
    return list(groups.values())


def _uid(key: str) -> str:
    return key.partition("_")[0]


def _transcript(key: str, step: int, row: dict[str, Any]) -> Transcript:
    return Transcript.read({**row["episode"], "key": key, "step": step, "metrics": row["reward_extra_info"]})
