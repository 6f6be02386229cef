"""Which groups a training step gets: only those with something to learn from, and always a full batch of them.

A `ReplayBuffer` for verl's `trainer.v1.sampler.custom_sampler`. Three kinds of group are taken out and replaced by
fresh tasks: solved at the first try (the loop returned no row: a success teaches nothing and must move no baseline),
failed (a session died, and a partial group would be compared with the wrong mean), and, with verl's own
`algorithm.filter_groups`, those in which all reflections earned the same. verl waits 2 s between two looks at the
queue; this one waits 50 ms.
"""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import transfer_queue as tq
from omegaconf import DictConfig
from transfer_queue import KVBatchMeta
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

import verl_reflect.shuffled_reward  # noqa: F401  (registers the control in the process that computes advantages)
from verl_reflect.config import ReflectConfig
from verl_reflect.guards import Watch
from verl_reflect.reflection_metrics import Reflection, reflection_metrics

POLL_SECONDS = 0.05


class OutOfFailuresError(RuntimeError):
    """The data no longer hold enough tasks that the model fails."""


class AllSessionsFailedError(RuntimeError):
    """A validation has nothing to show, because every one of its sessions ended with an error."""


class ReflectReplayBuffer(ReplayBuffer):
    """verl's synchronous replay buffer, choosing groups for reflect, retry, reward.

    Args:
        sampler_kwargs: `trainer.v1.sampler.sampler_kwargs`, which the recipe fills: `train_batch_size`,
            `max_replaced_groups`, `filter_groups`, `reflect`, `default_local_dir`, `rollout_data_dir`,
            `validation_data_dir`.
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
        self._replaceable = sampler_kwargs.max_replaced_groups * sampler_kwargs.train_batch_size
        self._replaced: Counter[str] = Counter()
        self._last_written: Path | None = None
        self._settings = ReflectConfig.from_config(sampler_kwargs)
        self._watch = Watch(self._settings.guards, Path(sampler_kwargs.default_local_dir))

    def sample(self, global_steps: int, partition_id: str, batch_size: int) -> tuple[KVBatchMeta, dict[str, Any]]:
        """Wait for `batch_size` groups worth training on (or all validation groups) and take them.

        Returns:
            The rows' keys, and metrics: verl's own and `reflect/*`.

        Raises:
            OutOfFailuresError: more than `reflect.max_replaced_groups` batches of groups had to be replaced in this
            step.
            AllSessionsFailedError: in validation; in training such groups are replaced.
            GuardCrossedError: one of `reflect.guards` stops the run.
        """
        self._replaced = Counter()
        batch, metrics = super().sample(global_steps, partition_id, batch_size)
        if not batch.keys:
            raise AllSessionsFailedError(
                f"All {batch_size} sessions of the validation at step {global_steps} failed; see the errors above."
            )
        sessions = self._sessions(batch)
        self._write_transcripts(sessions, partition_id, global_steps)
        if partition_id != "val":
            metrics |= self._metrics(sessions, batch_size)
            self._watch.look(global_steps, metrics)
        return batch, metrics

    def _terminal_eviction_reasons(
        self, global_steps: int, partition_id: str
    ) -> tuple[set[str], set[str], set[str], Counter[float]]:
        """verl asks here which finished groups to replace: (stale, without variance, failed, reward counts)."""
        if partition_id == "val":
            return super()._terminal_eviction_reasons(global_steps, partition_id)
        with_rows = {key.split("_")[0] for key in self.partitions[partition_id]}
        solved = self.finished_keys[partition_id] - with_rows
        self.finished_keys[partition_id] -= solved  # verl's filter takes a finished group without rows for an error
        stale, flat, _, counts = super()._terminal_eviction_reasons(global_steps, partition_id)
        failed = set(self.failure_keys[partition_id])
        self._count_replaced(solved=len(solved), failed=len(failed), flat=len(flat))
        return stale, flat, solved | failed, counts

    def _count_replaced(self, **groups: int) -> None:
        self._replaced.update(groups)
        if self._replaced.total() > self._replaceable:
            seen = ", ".join(f"{count} {kind}" for kind, count in self._replaced.items())
            raise OutOfFailuresError(
                f"One training step went through more than {self._replaceable} groups without finding a full batch "
                f"({seen}). Solved: the data run out of failures, add harder tasks. Failed: see the errors above. "
                "Flat: all reflections of a group earned the same. reflect.max_replaced_groups is the limit."
            )

    @staticmethod
    def _sessions(batch: KVBatchMeta) -> dict[str, dict[str, Any]]:
        """What rows carry besides tokens, by session (`uid_session`): the same in all rows of a session."""
        data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=["extra_fields"])
        return {key.rpartition("_")[0]: row for key, row in zip(batch.keys, data["extra_fields"], strict=True)}

    def _metrics(self, sessions: dict[str, dict[str, Any]], groups: int) -> dict[str, float]:
        infos = [session["reward_extra_info"] for session in sessions.values()]
        numeric = [name for name in infos[0] if name != "category"]
        metrics = {f"reflect/{name}": float(np.mean([info[name] for info in infos])) for name in numeric}
        rewards: dict[str, set[float]] = {}
        for key, info in zip(sessions, infos, strict=True):
            rewards.setdefault(key.split("_")[0], set()).add(info["acc"])
        metrics["reflect/groups_flat"] = float(np.mean([len(values) == 1 for values in rewards.values()]))
        metrics["reflect/groups_solved_at_first_try"] = self._replaced["solved"] / (self._replaced["solved"] + groups)
        metrics["reflect/replaced_solved"] = self._replaced["solved"]
        metrics["reflect/replaced_failed"] = self._replaced["failed"]
        metrics["reflect/replaced_flat"] = self._replaced["flat"]
        step = reflection_metrics(_reflections(sessions), self._settings.expected_reflection_length)
        return metrics | {f"reflect/{name}": value for name, value in step.items()}

    def _write_transcripts(self, sessions: dict[str, dict[str, Any]], partition_id: str, step: int) -> None:
        """One JSON line a session beside verl's own dump, which shows the trained row but not the retry."""
        validating = partition_id == "val"
        folder = self.sampler_kwargs.validation_data_dir if validating else self.sampler_kwargs.rollout_data_dir
        if not folder:
            return
        path = Path(folder) / "transcripts" / f"{step}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = "a" if path == self._last_written else "w"  # a validation set may come in several batches
        self._last_written = path
        with open(path, mode, encoding="utf-8") as file:
            for key, session in sorted(sessions.items()):
                line = {"key": key, "step": step, **session["episode"], "metrics": session["reward_extra_info"]}
                file.write(json.dumps(line, ensure_ascii=False) + os.linesep)


def _reflections(sessions: dict[str, dict[str, Any]]) -> list[Reflection]:
    """The sessions' reflections; none of a control that retries without."""
    said = ((key, session["episode"]["reflection"]) for key, session in sessions.items())
    return [Reflection(key.split("_")[0], turn["text"], turn["tokens"]) for key, turn in said if turn is not None]
