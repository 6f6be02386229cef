"""The accelerators that a run asks for are here, or on the cluster that it names."""

import os

from verl_reflect.checks.mesh import world_size
from verl_reflect.checks.run import Run, UnfitError


class NoGpuError(UnfitError):
    """There is none, and no cluster that could have one: nothing that Ray says later can change that."""


def check_platform(run: Run) -> str:
    """There are as many GPUs as wanted, where this machine can tell. Without them Ray would wait for them for ever."""
    import torch

    if run.on_cpu:
        return f"CPU, {os.cpu_count()} cores"
    wanted, here = run.get("trainer.n_gpus_per_node"), torch.cuda.device_count()
    if run.cluster is not None:
        return f"{here or 'no'} GPUs here; the Ray cluster at {run.cluster} must have {wanted} a node"
    if run.get("trainer.device") != "cuda" or _has_npu():
        return "another accelerator than CUDA, which is not looked for"
    if not here:
        raise NoGpuError(
            "No GPU is visible and no Ray cluster is named (RAY_ADDRESS); run on a GPU node, or add +hardware=cpu to "
            "train a tiny model on this machine's CPU."
        )
    if world_size(run) > here:
        raise UnfitError(
            f"trainer.nnodes={run.get('trainer.nnodes')} times trainer.n_gpus_per_node={wanted} asks for more GPUs "
            f"than the {here} of this machine, and no Ray cluster is named (RAY_ADDRESS); lower those, or name one."
        )
    return f"{here} GPUs here, {wanted} a node wanted"


def _has_npu() -> bool:
    from verl.utils.device import is_npu_available

    return bool(is_npu_available)
