"""Lets verl's process-group backend string name the CPU once.

verl/utils/distributed.py:63 and :89 write `cpu:gloo,<device>:<backend>`. With the CPU as the device that names it
twice, which torch refuses ("Duplicate device type cpu in backend string").
Upstream: patches/verl-cpu-process-group.patch
"""

import functools
from typing import Any

import torch.distributed


def without_repeats(backend: str) -> str:
    """`cpu:gloo,cpu:gloo` as `cpu:gloo`; any other backend as it is."""
    return ",".join(dict.fromkeys(backend.split(",")))


def install() -> None:
    """Wrap `torch.distributed.init_process_group`, once."""
    init = torch.distributed.init_process_group
    if hasattr(init, "verl_reflect"):
        return

    @functools.wraps(init)
    def init_process_group(backend: str | None = None, *args: Any, **kwargs: Any) -> Any:
        return init(without_repeats(backend) if backend else backend, *args, **kwargs)

    init_process_group.verl_reflect = True  # type: ignore[attr-defined]
    torch.distributed.init_process_group = init_process_group
