"""Makes verl's agent-loop workers ready, hands prompts to them evenly, and tells others what only it knows.

The agent loop, whether it is validating and whom to ask for a place in the step; the pass rates, which group is of
which row; the actor that gives places, which groups there are and in what order.
"""

from collections.abc import Sequence
from typing import Any

import ray
from omegaconf import DictConfig
from tensordict import TensorDict
from verl.utils import tensordict_utils

from verl_reflect.config import FirstAttempt, ReflectConfig
from verl_reflect.rollout.usher import RunningUsher
from verl_reflect.rollout.worker import NotReadyError, make_ready
from verl_reflect.training.dispatch import DISPATCH
from verl_reflect.training.line import StoredLine
from verl_reflect.training.pass_rates import PASS_RATES
from verl_reflect.training.queue import AgentLoopManagerTQ, groups_at_a_time, groups_that_ended


class ReflectAgentLoopManager(AgentLoopManagerTQ):
    """verl's manager, with the columns `is_validation` and, for live first attempts, `usher` on every prompt.

    Training drops a task that was solved at first try; validation must count it. Chosen by
    `actor_rollout_ref.rollout.agent.agent_loop_manager_class`.
    """

    def __init__(self, config: DictConfig, *arguments: Any, **more: Any):
        super().__init__(config, *arguments, **more)  # type: ignore[no-untyped-call]
        live = ReflectConfig.from_config(config).first_attempt is not FirstAttempt.dataset
        DISPATCH.usher = RunningUsher(groups_at_a_time(config)) if live else None
        DISPATCH.line = StoredLine()

    @classmethod
    def create(cls, *args: Any, **kwargs: Any) -> "ReflectAgentLoopManager":
        """verl's, once every worker knows our loops. Raises NotReadyError if one of them cannot judge."""
        manager: ReflectAgentLoopManager = super().create(*args, **kwargs)
        manager._make_workers_ready()
        DISPATCH.dispatched(groups_that_ended())
        return manager

    def _make_workers_ready(self) -> None:
        workers: list[Any] = self.agent_loop_workers  # actors: Ray gives them `__ray_call__`
        try:
            ray.get([worker.__ray_call__.remote(make_ready, self.config) for worker in workers])
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, NotReadyError):
                raise error.cause from None
            raise NotReadyError(
                f"The agent-loop worker on node {error.ip} cannot run sessions: {str(error).strip().splitlines()[-1]}. "
                "Install there what is installed here; `verl-reflect doctor` looks at all nodes."
            ) from error

    def generate_sequences(self, prompts: TensorDict) -> None:
        """Start the sessions of a batch of prompts without waiting for them."""
        validate = bool(prompts["validate"]) if "validate" in prompts else False
        tensordict_utils.assign_non_tensor_data(prompts, "is_validation", validate)
        if not validate:
            self._dispatched(prompts, [str(uid) for uid in prompts["uid"]])
            self._least_busy_first(prompts)
        super().generate_sequences(prompts)

    def _dispatched(self, prompts: TensorDict, groups: Sequence[str]) -> None:
        """Tell those who must know a group before its agent loops speak of it."""
        if "dataset_row" in prompts:  # reflect.sampler=edge
            for group, row in zip(groups, prompts["dataset_row"], strict=True):
                PASS_RATES.drawn(group, int(row))
        DISPATCH.dispatched(groups)
        if DISPATCH.usher:
            tensordict_utils.assign_non_tensor_data(prompts, "usher", DISPATCH.usher.name)

    def _least_busy_first(self, prompts: TensorDict) -> None:
        """verl cuts the prompts into a slice for each worker: of a few prompts, the first workers get all."""
        parts = [len(part) for part in prompts.chunk(len(self.agent_loop_workers))]
        workers = DISPATCH.least_busy_first(self.agent_loop_workers, int(prompts["global_steps"]))
        DISPATCH.given(workers, parts)
        self.agent_loop_workers = workers
