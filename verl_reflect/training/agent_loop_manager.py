"""Makes verl's agent-loop workers ready, tells the agent loop whether it is validating, which verl's trainer knows and
an agent loop does not, and the pass rates which group is of which row.
"""

from typing import Any

import ray
from tensordict import TensorDict
from verl.utils import tensordict_utils

from verl_reflect.rollout.worker import NotReadyError, make_ready
from verl_reflect.training.pass_rates import PASS_RATES
from verl_reflect.training.queue import AgentLoopManagerTQ


class ReflectAgentLoopManager(AgentLoopManagerTQ):
    """verl's manager, with a column `is_validation` on every prompt it hands out.

    Training drops a task that was solved at first try; validation must count it. Chosen by
    `actor_rollout_ref.rollout.agent.agent_loop_manager_class`.
    """

    @classmethod
    def create(cls, *args: Any, **kwargs: Any) -> "ReflectAgentLoopManager":
        """verl's, once every worker knows our loops. Raises NotReadyError if one of them cannot judge."""
        manager: ReflectAgentLoopManager = super().create(*args, **kwargs)
        manager._make_workers_ready()
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
        if "dataset_row" in prompts:  # reflect.sampler=edge
            for uid, row in zip(prompts["uid"], prompts["dataset_row"], strict=True):
                PASS_RATES.drawn(str(uid), int(row))
        tensordict_utils.assign_non_tensor_data(prompts, "is_validation", validate)
        super().generate_sequences(prompts)
