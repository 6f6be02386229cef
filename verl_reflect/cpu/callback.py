"""Makes the driver a CPU process before verl's `main` looks at its device.

verl imports, and detects the platform of the driver, before Hydra has read the command line. Ray workers need none of
this: they start with the variable set.
"""

import os
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig


class UseCpu(Callback):
    """Hydra calls this between composing the config and `verl.trainer.main_ppo.main`."""

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        use_cpu()
        refuse_critic(config)


def use_cpu() -> None:
    """Select the platform in this process and in those that it starts.

    CUDA_VISIBLE_DEVICES is forgotten: Ray would not start with more GPUs than it names, and here they are only names.
    """
    from verl.plugin.platform import set_platform

    from verl_reflect.cpu import PLATFORM, PLATFORM_VARIABLE, adaptations
    from verl_reflect.cpu.platform import CpuPlatform

    os.environ[PLATFORM_VARIABLE] = PLATFORM
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    set_platform(CpuPlatform())
    adaptations.install()


def refuse_critic(config: DictConfig) -> None:
    """Say it in one sentence now: verl would say, two minutes later, that the model is not a value head model.

    `load_valuehead_model` (verl/utils/model.py:649) asks for flash attention whatever the config says.
    Upstream: patches/verl-value-model-attention.patch
    """
    from verl.trainer.ppo.utils import need_critic

    if need_critic(config):
        raise SystemExit(
            "hardware=cpu: verl's critic needs flash attention, which CPUs lack; "
            "choose an estimator without one, such as algorithm.adv_estimator=grpo."
        )
