"""All that this package knows of TransferQueue and of the inside of verl's V1 trainer. When verl moves, this moves.

verl's trainer puts prompts into a queue and takes groups of rows out of it through a replay buffer. Rows have keys
`uid_session_row`; a group is what shares a uid. `GroupQueue` is verl's replay buffer with our questions asked in it:
which finished groups to replace, and what the sessions of a batch left behind. verl has two, for its synchronous and
its asynchronous trainers, and asks in both at the same places, so that `GroupQueue` can stand before either.
"""

import math
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any

import transfer_queue as tq
from omegaconf import DictConfig
from transfer_queue import KVBatchMeta
from verl.trainer.ppo.v1.agent_loop_tq import AgentLoopManagerTQ
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer, ReplayBufferAsync

from verl_reflect.records.transcripts import Transcript

__all__ = ["POLL_SECONDS", "VALIDATION", "AgentLoopManagerTQ", "Batch", "GroupQueue", "ReplayBufferAsync"]

POLL_SECONDS = 0.05
"""Between two looks at the queue, at least. verl waits 2 s."""
MOST_OF_A_CORE = 0.2
"""That looking may take: a look lists all rows of the queue, and the more there are the longer it takes."""

TRAINING, VALIDATION = "train", "val"
"""The partitions of the queue that training and validations use."""

Batch = KVBatchMeta
"""The rows of a step: `keys`, and `tags` with each row's `response_len`."""


@dataclass(frozen=True)
class Seen:
    """The groups of a training step in the queue, by uid. All but those `ready` are thrown away once they were seen."""

    without_rows: Set[str]
    """They have ended, and no session left a row."""
    failed: Set[str]
    """A session died."""
    flat: Mapping[str, list[Transcript]]
    """All reflections earned the same, where `algorithm.filter_groups` does not want such; with their sessions."""
    stale: Set[str]
    """Too old for verl (`trainer.v1.sampler.max_off_policy_threshold`); never in a synchronous step."""
    ready: Set[str]
    """The others that have ended: they can be trained on."""
    on_their_way: int
    """Groups that have not ended."""

    @property
    def lost(self) -> Set[str]:
        """Groups that failed their task and will not be trained all the same."""
        return self.failed | self.flat.keys() | self.stale


class GroupQueue(ReplayBuffer, ABC):
    """verl's replay buffer, which throws away the groups that it is told to and gets others for them.

    Args:
        sampler_kwargs: `trainer.v1.sampler.sampler_kwargs`, which the recipe fills.
        refill_fn: Hands out so many more tasks. The trainer's.
        trainer_arguments: What else verl's trainer hands to any custom sampler.
    """

    def __init__(self, *, sampler_kwargs: DictConfig, refill_fn: Callable[[int], Any], **trainer_arguments: Any):
        filter_groups = sampler_kwargs.filter_groups
        super().__init__(
            sampler_kwargs=sampler_kwargs,
            poll_interval=POLL_SECONDS,
            refill_fn=self.replace,
            filter_groups_metric=filter_groups.metric if filter_groups.enable else None,
            max_inflight_gen_batches=filter_groups.max_inflight_gen_batches,
            train_batch_size=sampler_kwargs.train_batch_size,
            gen_batch_size=1,
            sync_refill_failed_groups=True,
            **trainer_arguments,
        )
        self.hand_out = refill_fn
        self._batch: Set[str] | None = None

    @abstractmethod
    def replace(self, count: int) -> None:
        """verl wants so many tasks for the groups that it has just thrown away."""

    @abstractmethod
    def look(self, seen: Seen) -> Set[str] | None:
        """At each look at the queue in a training step.

        Returns:
            The groups to take for the batch as soon as there are enough. None: it is too early to say.
        """

    @abstractmethod
    def surplus(self, ready: Set[str]) -> Set[str]:
        """Of the groups that are ready beside the batch, those to throw away."""

    def _sync_metadata_from_transfer_queue(self) -> None:
        started = time.monotonic()
        super()._sync_metadata_from_transfer_queue()  # type: ignore[no-untyped-call]
        self.poll_interval = max(POLL_SECONDS, (time.monotonic() - started) / MOST_OF_A_CORE)

    def _terminal_eviction_reasons(
        self, global_steps: int, partition_id: str
    ) -> tuple[set[str], set[str], set[str], Counter[float]]:
        """verl asks here which finished groups to replace: (stale, without variance, failed, reward counts)."""
        if partition_id == VALIDATION:
            return super()._terminal_eviction_reasons(global_steps, partition_id)
        with_rows = {_uid(key) for key in self.partitions[partition_id]}
        without_rows = self.finished_keys[partition_id] - with_rows
        self.finished_keys[partition_id] -= without_rows  # verl's filter takes such a group for an error
        stale, flat, _, counts = super()._terminal_eviction_reasons(global_steps, partition_id)
        flat -= stale
        failed = set(self.failure_keys[partition_id])
        rows_of_flat = [key for key in self.partitions[partition_id] if _uid(key) in flat]
        seen = Seen(
            without_rows,
            failed,
            {of[0].group: of for of in by_group(self.sessions(rows_of_flat, partition_id, global_steps))},
            stale,
            self.finished_keys[partition_id] - flat - stale,
            len(self.pending_keys[partition_id]) + len(self.running_keys[partition_id]),
        )
        self._batch = self.look(seen)
        if self._batch is not None:
            self._clear_groups(partition_id, set(self.surplus(seen.ready - self._batch)))
        return stale, flat, without_rows | failed, counts

    def _sampleable_terminal_keys(
        self, partition_id: str, eviction_reasons: tuple[set[str], set[str], set[str], Counter[float]]
    ) -> set[str]:
        """verl asks here which groups it may take, once there are enough."""
        sampleable = super()._sampleable_terminal_keys(partition_id, eviction_reasons)
        return sampleable if partition_id == VALIDATION else sampleable & (self._batch or set())

    @staticmethod
    def sessions(row_keys: Iterable[str], partition_id: str, step: int) -> list[Transcript]:
        """The sessions that these rows belong to, in order: what a row carries besides tokens is the same in all."""
        keys = list(row_keys)
        if not keys:
            return []
        data = tq.kv_batch_get(keys=keys, partition_id=partition_id, select_fields=["extra_fields"])
        rows = {key.rpartition("_")[0]: row for key, row in zip(keys, data["extra_fields"], strict=True)}
        return [_transcript(key, step, row) for key, row in sorted(rows.items())]


def groups_at_a_time(config: DictConfig) -> int:
    """Groups that verl keeps on their way: a batch, and in an asynchronous mode those of the warm-up besides."""
    mode, places = config.trainer.v1.trainer_mode, config.data.train_batch_size
    return int(places + math.floor(config.trainer.v1[mode].get("num_warmup_batches", 0) * places))


def groups_that_ended() -> list[str]:
    """Groups of training, by uid, that are in the queue with all their sessions, the older first.

    Before a training begins these are of the checkpoint that it goes on from: verl's asynchronous trainers save the
    queue with it, and start anew what had not ended.
    """
    tags = (tq.kv_list(TRAINING) or {}).get(TRAINING, {})
    ended = [uid for uid, tag in tags.items() if tag.get("is_prompt") and tag["status"] in ("finished", "failure")]
    return sorted(ended, key=lambda uid: tags[uid]["global_steps"])


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
