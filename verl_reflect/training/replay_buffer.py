"""Which groups a training step gets: only those with something to learn from, and always a full batch of them.

A `ReplayBuffer` for verl's `trainer.v1.sampler.custom_sampler`. Three kinds of group are taken out and replaced by
fresh tasks: solved at the first try (the loop returned no row: a success teaches nothing and must move no baseline),
failed (a session died, and a partial group would be compared with the wrong mean), and, with verl's own
`algorithm.filter_groups`, those in which all reflections earned the same.

There is one for verl's synchronous trainer and one for its asynchronous ones. They differ in which of the groups that
are left make the batch (live.py, line.py), and in nothing else.
"""

from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

import verl_reflect.training.advantage  # noqa: F401  (verl finds our estimators once they are imported)
from verl_reflect.config import ReflectConfig
from verl_reflect.records.transcripts import Transcript
from verl_reflect.rollout.places import Attempt
from verl_reflect.training import lookout
from verl_reflect.training.account import NOT_REPORTED, Group, StepAccount
from verl_reflect.training.dispatch import DISPATCH
from verl_reflect.training.guards import Watch
from verl_reflect.training.line import LiveLine
from verl_reflect.training.live import LiveStep, Look
from verl_reflect.training.metrics import Reflection, reflection_metrics, weights_metrics
from verl_reflect.training.pass_rates import PASS_RATES
from verl_reflect.training.prefix_cache import prefix_cache_metrics
from verl_reflect.training.queue import VALIDATION, Batch, GroupQueue, ReplayBufferAsync, Seen, by_group
from verl_reflect.training.run_folders import Claim
from verl_reflect.training.transcript_folders import TranscriptFolders
from verl_reflect.training.turn_faults import TurnFaults

WHOLE_CONFIGURATION = "....."
"""As seen from `trainer.v1.sampler.sampler_kwargs`, which is a part of it: each dot more is a section further up."""


class OutOfFailuresError(RuntimeError):
    """The data no longer hold enough tasks that the model fails."""


class AllSessionsFailedError(RuntimeError):
    """A validation has nothing to show, because every one of its sessions ended with an error."""


class ChoosingReplayBuffer(GroupQueue):
    """A replay buffer of verl's, choosing groups for reflect, retry, reward.

    Args:
        sampler_kwargs: `trainer.v1.sampler.sampler_kwargs`, which the recipe fills: `train_batch_size`,
            `filter_groups`, `reflect`, `default_local_dir`, `rollout_data_dir`,
            `validation_data_dir`.
        trainer_arguments: What verl's trainer hands to any custom sampler.
    """

    def __init__(self, *, sampler_kwargs: DictConfig, **trainer_arguments: Any):
        super().__init__(sampler_kwargs=sampler_kwargs, **trainer_arguments)
        self._settings = ReflectConfig.from_config(sampler_kwargs)
        self._places = sampler_kwargs.train_batch_size
        self._replaceable = self._settings.max_replaced_groups * self._places
        self._batch_size = self._places
        self._account = StepAccount()
        config = OmegaConf.select(sampler_kwargs, WHOLE_CONFIGURATION)
        self._claim = Claim(config)
        self._transcripts = TranscriptFolders(config.trainer, self._claim.start)
        self._turn_faults = TurnFaults()
        self._watch = Watch(self._settings.guards, Path(sampler_kwargs.default_local_dir), self._claim.start.run)
        self._lookout = lookout.start(self._settings.weight_sync_timeout)

    def sample(self, global_steps: int, partition_id: str, batch_size: int) -> tuple[Batch, dict[str, Any]]:
        """Wait for `batch_size` groups worth training on (or all validation groups) and take them.

        Returns:
            The rows' keys, and metrics: verl's own and `reflect/*`.

        Raises:
            OutOfFailuresError: more than `reflect.max_replaced_groups` batches of groups had to be replaced in this
            step.
            AllSessionsFailedError: in validation; in training such groups are replaced.
            RunDiedError: sessions failed because a process of the run died.
            GuardCrossedError: one of `reflect.guards` stops the run.
        """
        self._account = StepAccount()
        self._batch_size = batch_size
        batch, metrics = super().sample(global_steps, partition_id, batch_size)
        if not batch.keys:
            self._look_for_deaths()
            raise AllSessionsFailedError(
                f"All {batch_size} sessions of the validation at step {global_steps} failed; see the errors above."
            )
        sessions = self.sessions(batch.keys, partition_id, global_steps)
        self._transcripts.write(sessions, global_steps, partition_id == VALIDATION)
        if partition_id != VALIDATION:
            trained_tokens = sum(tag["response_len"] for tag in batch.tags)
            metrics |= self._metrics(sessions, trained_tokens) | self.taken(sessions, global_steps)
            self._watch.look(global_steps, metrics)
        return batch, metrics

    @abstractmethod
    def choose(self, seen: Seen) -> Look:
        """Which groups make the batch, and how many more tasks that takes."""

    @abstractmethod
    def taken(self, sessions: Sequence[Transcript], step: int) -> dict[str, float]:
        """These sessions are trained at this step. Returns `reflect/*` that only this buffer has."""

    def replace(self, count: int) -> None:
        """One for one where attempts come from the data; live ones are handed out as `look` sees fit."""
        if not DISPATCH.usher:
            self.hand_out(count)

    def look(self, seen: Seen) -> Set[str] | None:
        """Count what is thrown away and, with live attempts, hand out more.

        Raises OutOfFailuresError when that is too much, or RunDiedError if that is why.
        """
        look = self.choose(seen)
        self._note(seen, look.attempts)
        if look.more:
            self.hand_out(look.more)
        return look.batch

    def _note(self, seen: Seen, attempts: Mapping[str, Attempt]) -> None:
        for uid, attempt in attempts.items():
            self._account.ended(uid, attempt)
        for uid in seen.failed:
            self._account.failed(uid)
        for uid in seen.stale:
            self._account.stale(uid)
        for sessions in seen.flat.values():
            self._account.flat(Group(sessions))
        replaced = self._account.replaced
        if replaced.total() > self._replaceable:
            self._look_for_deaths()
            counts = ", ".join(f"{count} {kind}" for kind, count in replaced.items())
            raise OutOfFailuresError(
                f"One training step went through more than {self._replaceable} groups without finding a full batch "
                f"({counts}). Solved: the data run out of failures, add harder tasks. Failed: see the errors above. "
                "All_pass, all_fail: all reflections of a group earned the same. Stale: older than "
                "trainer.v1.sampler.max_off_policy_threshold. reflect.max_replaced_groups is the limit."
            )

    def _look_for_deaths(self) -> None:
        if self._lookout is not None:
            self._lookout.check()

    def _metrics(self, sessions: Sequence[Transcript], trained_tokens: int) -> dict[str, float]:
        names = [name for name in sessions[0].metrics if name != "category"]
        metrics = {f"reflect/{name}": float(np.mean([each.number(name) for each in sessions])) for name in names}
        groups = [Group(of_group) for of_group in by_group(sessions)]
        flat = Counter(group.flat for group in groups)
        metrics["reflect/groups_all_pass"] = flat["all_pass"] / len(groups)
        metrics["reflect/groups_all_fail"] = flat["all_fail"] / len(groups)
        metrics |= self._turn_faults.look([group.sessions for group in groups])
        self._account.kept(groups)
        metrics["reflect/largest_worker_share"] = DISPATCH.largest_share
        of_reflections = reflection_metrics(_reflections(sessions), self._settings.expected_reflection_length)
        metrics |= {f"reflect/{name}": value for name, value in of_reflections.items()}
        metrics |= {f"reflect/{name}": value for name, value in prefix_cache_metrics(sessions).items()}
        return metrics | self._account.metrics(trained_tokens)


class ReflectReplayBuffer(ChoosingReplayBuffer):
    """For verl's synchronous trainer: when a batch is taken, nothing is left, neither on its way nor ready."""

    def __init__(self, **arguments: Any):
        super().__init__(**arguments)
        self._live = LiveStep(self._places, self._places + self._replaceable)

    def choose(self, seen: Seen) -> Look:
        """All that is ready, or with live attempts what the step says."""
        if DISPATCH.usher:
            return self._live.look(DISPATCH.usher, seen)
        return Look(dict.fromkeys(seen.without_rows, NOT_REPORTED), 0, seen.ready)

    def surplus(self, ready: Set[str]) -> Set[str]:
        """All of them: the next step has another model."""
        return ready

    def taken(self, sessions: Sequence[Transcript], step: int) -> dict[str, float]:
        """The step is over."""
        DISPATCH.line.clear()
        PASS_RATES.forget_drawn()
        if not DISPATCH.usher:
            return {}
        self._live.end(DISPATCH.usher)
        return {"reflect/longest_attempt_chain": float(self._live.longest_chain)}


class ReflectReplayBufferAsync(ChoosingReplayBuffer, ReplayBufferAsync):
    """For verl's asynchronous trainers: a batch is the head of a line, whose other groups stay for the next steps."""

    def __init__(self, **arguments: Any):
        super().__init__(**arguments)
        self._live = LiveLine(self._replaceable)
        self._ready_behind = 0

    def choose(self, seen: Seen) -> Look:
        """The head of the line, once all of it is ready."""
        if DISPATCH.usher:
            look = self._live.look(DISPATCH.usher, seen, self._batch_size)
        else:
            look = DISPATCH.line.look(seen, self._batch_size)
        self._ready_behind = len(seen.ready - (look.batch or set()))
        return look

    def surplus(self, ready: Set[str]) -> Set[str]:
        """None: their turn will come."""
        return frozenset()

    def taken(self, sessions: Sequence[Transcript], step: int) -> dict[str, float]:
        """Those behind move up."""
        groups = sorted({session.group for session in sessions})
        metrics = {
            "reflect/replaced_stale": float(self._account.replaced["stale"]),
            "reflect/groups_ready_behind": float(self._ready_behind),
            **weights_metrics(sessions, step),
        }
        if not DISPATCH.usher:
            DISPATCH.line.leave(groups)
            return metrics
        self._live.trained(DISPATCH.usher, groups)
        return {**metrics, "reflect/longest_attempt_chain": float(self._live.longest_chain)}


def _reflections(sessions: Sequence[Transcript]) -> list[Reflection]:
    """The sessions' reflections; none of a control that retries without."""
    return [
        Reflection(each.group, each.reflection.text, each.reflection.tokens) for each in sessions if each.reflection
    ]
