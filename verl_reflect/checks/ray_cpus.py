"""Ray has as many CPUs as verl's processes ask for: else they wait for one another for ever, in silence.

They are a number that Ray counts by, and no cores. verl asks for three with each accelerator
(`verl.single_controller.ray.base.ResourcePoolManager`), TransferQueue for one with each part of the queue; and each of
the other processes for one while it starts.
"""

import os

from verl_reflect.checks.mesh import world_size
from verl_reflect.checks.run import Run
from verl_reflect.finding import Doubt

KEY = "ray_kwargs.ray_init.num_cpus"
UNITS = "transfer_queue.backend.SimpleStorage.num_data_storage_units"
OF_AN_ACCELERATOR = 3
OTHERS = 2
"""The queue's controller, and one process that starts."""


def check_ray_cpus(run: Run) -> str:
    """A Ray that starts with the run has the CPUs that verl's processes ask for."""
    if run.cluster is not None:
        return "as the Ray cluster has them"
    given = run.get(KEY)
    if given is None and not (run.on_cpu or _has_accelerator()):
        return "as the machine with the GPUs has them"
    there, units = given or os.cpu_count() or 1, run.get(UNITS) or 0
    needed = OF_AN_ACCELERATOR * world_size(run) + units + OTHERS
    if there < needed:
        return Doubt(
            f"Ray counts {there} CPUs ({KEY if given else 'the cores of this machine'}), and verl's processes ask for "
            f"{needed}, and wait for ever if there are fewer; set {KEY}={needed}: it is only a number that Ray counts "
            "by."
        )
    return f"{there} CPUs by Ray's count, {needed} asked for"


def _has_accelerator() -> bool:
    import torch

    return torch.cuda.is_available()
