"""What verl expects of a `torch.<device>` module, for CPUs: `torch.cpu`, and the calls that it lacks.

torch keeps no statistics of host memory, so device memory is an honest zero: verl reports the process's own memory
under `perf/cpu_memory_used_gb` anyway.
"""

import psutil
from torch import get_rng_state as get_rng_state
from torch import manual_seed as manual_seed
from torch import set_rng_state as set_rng_state
from torch.cpu import *  # noqa: F403  (a stand-in for the whole module)

manual_seed_all = manual_seed


def get_device_name(device: object = None) -> str:
    """The key of verl's own entry for CPUs in its table of peak FLOPs (verl/utils/flops_counter.py)."""
    return "CPU"


def mem_get_info(device: object = None) -> tuple[int, int]:
    """Free and total bytes of the host."""
    memory = psutil.virtual_memory()
    return memory.available, memory.total


def memory_allocated(device: object = None) -> int:
    return 0


memory_reserved = max_memory_allocated = max_memory_reserved = memory_allocated


def empty_cache() -> None:
    pass


ipc_collect = empty_cache


def reset_peak_memory_stats(device: object = None) -> None:
    pass


reset_accumulated_memory_stats = reset_peak_memory_stats
