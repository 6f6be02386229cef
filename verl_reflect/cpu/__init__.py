"""The CPU as a device of verl's unmodified trainer, switched on by `+hardware=cpu` and by nothing else.

Nothing here acts unless `VERL_PLATFORM=cpu`: the hardware group sets it, for the driver (`callback`) and for every
Ray worker (`ray_init.runtime_env`), so that no user has to.
"""

import os

PLATFORM = "cpu"
PLATFORM_VARIABLE = "VERL_PLATFORM"


def selected() -> bool:
    """Whether this process belongs to a run on CPUs, read the way verl's platform manager reads it."""
    return os.environ.get(PLATFORM_VARIABLE, "").strip().lower() == PLATFORM
