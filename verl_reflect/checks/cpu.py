"""Check of a run on CPUs: what is known to work there less well than it looks."""

from omegaconf import OmegaConf

from verl_reflect.checks.run import Run
from verl_reflect.cpu.micro_batches import PADDING, bytes_of_token, memory_of_machine
from verl_reflect.finding import Doubt

TOO_MUCH = 0.5
"""Of the machine's memory, for one micro-batch."""


def check_cpu(run: Run) -> str:
    """A micro-batch fits the machine, and the servers get the weights that the trainer has."""
    if OmegaConf.select(run.config, "ray_kwargs.ray_init.runtime_env.env_vars.VERL_PLATFORM") != "cpu":
        return "not on a CPU"
    doubts = [doubt for doubt in (_too_large(run), _rounded(run)) if doubt]
    return Doubt(" ".join(doubts)) if doubts else "a micro-batch fits this machine"


def _too_large(run: Run) -> str | None:
    actor, memory = run.config.actor_rollout_ref.actor, memory_of_machine()
    if not actor.use_dynamic_bsz:
        return None
    needed = PADDING * bytes_of_token(run.model_config) * actor.ppo_max_token_len_per_gpu
    if needed <= TOO_MUCH * memory:
        return None
    return (
        f"A micro-batch of actor_rollout_ref.actor.ppo_max_token_len_per_gpu={actor.ppo_max_token_len_per_gpu} tokens "
        f"can take {needed / 1e9:.0f} GB of this machine's {memory / 1e9:.0f}, and Ray ends a process when memory runs "
        "out; lower it, or the token limits of a row."
    )


def _rounded(run: Run) -> str | None:
    if not run.model.lora_rank or not run.model.lora.get("merge"):
        return None
    return (
        "verl rounds merged LoRA weights to bf16 on their way to the servers, which hold float32 here; "
        "actor_rollout_ref.model.lora.merge=false sends the adapter as it is."
    )
