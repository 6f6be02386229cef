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
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import transfer_queue as tq
from omegaconf import DictConfig
from transfer_queue import KVBatchMeta
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

from verl_reflect.config import FirstAttempt, ReflectConfig
from verl_reflect.training.account import Group, StepAccount
from verl_reflect.training.guards import Watch
from verl_reflect.training.metrics import Reflection, reflection_metrics

POLL_SECONDS = 0.05


class OutOfFailuresError(RuntimeError):
    """The data no longer hold enough tasks that the model fails."""


class AllSessionsFailedError(RuntimeError):
    """A validation has nothing to show, because every one of its sessions ended with an error."""


class ReflectReplayBuffer(ReplayBuffer):
    """verl's synchronous replay buffer, choosing groups for reflect, retry, reward.

    Args:
        sampler_kwargs: `trainer.v1.sampler.sampler_kwargs`, which the recipe fills: `train_batch_size`,
            `filter_groups`, `reflect`, `default_local_dir`, `rollout_data_dir`,
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
        self._settings = ReflectConfig.from_config(sampler_kwargs)
        self._replaceable = self._settings.max_replaced_groups * sampler_kwargs.train_batch_size
        live = self._settings.first_attempt is not FirstAttempt.dataset
        self._attempts_if_solved = self._settings.max_attempts if live else 0
        self._account = StepAccount(self._attempts_if_solved)
        self._last_written: Path | None = None
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
        self._account = StepAccount(self._attempts_if_solved)
        batch, metrics = super().sample(global_steps, partition_id, batch_size)
        if not batch.keys:
            raise AllSessionsFailedError(
                f"All {batch_size} sessions of the validation at step {global_steps} failed; see the errors above."
            )
        sessions = self._sessions(batch.keys, partition_id)
        self._write_transcripts(sessions, partition_id, global_steps)
        if partition_id != "val":
            trained_tokens = sum(tag["response_len"] for tag in batch.tags)
            metrics |= self._metrics(sessions, trained_tokens)
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
        self._note_replaced(solved, failed, flat, partition_id)
        return stale, flat, solved | failed, counts

    def _note_replaced(self, solved: set[str], failed: set[str], flat: set[str], partition_id: str) -> None:
        for uid in solved:
            self._account.solved(uid)
        for uid in failed:
            self._account.failed(uid)
        keys = [key for key in self.partitions[partition_id] if key.split("_")[0] in flat]
        for group in _groups(self._sessions(keys, partition_id)) if keys else ():
            self._account.flat(group)
        replaced = self._account.replaced
        if replaced.total() > self._replaceable:
            seen = ", ".join(f"{count} {kind}" for kind, count in replaced.items())
            raise OutOfFailuresError(
                f"One training step went through more than {self._replaceable} groups without finding a full batch "
                f"({seen}). Solved: the data run out of failures, add harder tasks. Failed: see the errors above. "
                "All_pass, all_fail: all reflections of a group earned the same. reflect.max_replaced_groups is the "
                "limit."
            )

    @staticmethod
    def _sessions(keys: list[str], partition_id: str) -> dict[str, dict[str, Any]]:
        """What rows carry besides tokens, by session (`uid_session`): the same in all rows of a session."""
        data = tq.kv_batch_get(keys=keys, partition_id=partition_id, select_fields=["extra_fields"])
        return {key.rpartition("_")[0]: row for key, row in zip(keys, data["extra_fields"], strict=True)}

    def _metrics(self, sessions: dict[str, dict[str, Any]], trained_tokens: int) -> dict[str, float]:
        infos = [session["reward_extra_info"] for session in sessions.values()]
        numeric = [name for name in infos[0] if name != "category"]
        metrics = {f"reflect/{name}": float(np.mean([info[name] for info in infos])) for name in numeric}
        groups = list(_groups(sessions))
        flat = Counter(group.flat for group in groups)
        metrics["reflect/groups_all_pass"] = flat["all_pass"] / len(groups)
        metrics["reflect/groups_all_fail"] = flat["all_fail"] / len(groups)
        self._account.kept(groups)
        of_reflections = reflection_metrics(_reflections(sessions), self._settings.expected_reflection_length)
        metrics |= {f"reflect/{name}": value for name, value in of_reflections.items()}
        return metrics | self._account.metrics(trained_tokens)

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


def _groups(sessions: dict[str, dict[str, Any]]) -> Iterable[Group]:
    """Sessions that belong together, by `uid`."""
    by_uid: dict[str, list[dict[str, Any]]] = {}
    for key, session in sessions.items():
        by_uid.setdefault(key.split("_")[0], []).append(session)
    return (Group(uid, of_group) for uid, of_group in by_uid.items())


def _reflections(sessions: dict[str, dict[str, Any]]) -> list[Reflection]:
    """The sessions' reflections; none of a control that retries without."""
    said = ((key, session["episode"]["reflection"]) for key, session in sessions.items())
    return [Reflection(key.split("_")[0], turn["text"], turn["tokens"]) for key, turn in said if turn is not None]
