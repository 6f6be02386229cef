"""Tells the agent loop whether it is validating, which verl's trainer knows and an agent loop does not, and the pass
rates which group is of which row.
"""

from tensordict import TensorDict
from verl.utils import tensordict_utils

from verl_reflect.training.pass_rates import PASS_RATES
from verl_reflect.training.queue import AgentLoopManagerTQ


class ReflectAgentLoopManager(AgentLoopManagerTQ):
    """verl's manager, with a column `is_validation` on every prompt it hands out.

    Training drops a task that was solved at first try; validation must count it. Chosen by
    `actor_rollout_ref.rollout.agent.agent_loop_manager_class`.
    """

    def generate_sequences(self, prompts: TensorDict) -> None:
        """Start the sessions of a batch of prompts without waiting for them."""
        validate = bool(prompts["validate"]) if "validate" in prompts else False
        if "dataset_row" in prompts:  # reflect.sampler=edge
            for uid, row in zip(prompts["uid"], prompts["dataset_row"], strict=True):
                PASS_RATES.drawn(str(uid), int(row))
        tensordict_utils.assign_non_tensor_data(prompts, "is_validation", validate)
        super().generate_sequences(prompts)
