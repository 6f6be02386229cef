"""Tells the agent loop whether it is validating, which verl's trainer knows and an agent loop does not."""

from tensordict import TensorDict
from verl.trainer.ppo.v1.agent_loop_tq import AgentLoopManagerTQ
from verl.utils import tensordict_utils


class ReflectAgentLoopManager(AgentLoopManagerTQ):
    """verl's manager, with a column `is_validation` on every prompt it hands out.

    Training drops a task that was solved at first try; validation must count it. Chosen by
    `actor_rollout_ref.rollout.agent.agent_loop_manager_class`.
    """

    def generate_sequences(self, prompts: TensorDict) -> None:
        """Start the sessions of a batch of prompts without waiting for them."""
        validate = bool(prompts["validate"]) if "validate" in prompts else False
        tensordict_utils.assign_non_tensor_data(prompts, "is_validation", validate)
        super().generate_sequences(prompts)
