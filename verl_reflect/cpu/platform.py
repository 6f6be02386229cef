"""verl's platform contract, answered for CPUs.

Imported at `import verl` in every process, so it imports nothing that verl has not imported already.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch
from verl.plugin.platform import PlatformBase, PlatformRegistry

from verl_reflect.cpu import PLATFORM, adaptations, selected


@PlatformRegistry.register(platform=PLATFORM)
class CpuPlatform(PlatformBase):
    """A device with one index, no memory of its own, and nothing to wait for."""

    @property
    def device_name(self) -> str:
        return "cpu"

    @property
    def vendor_name(self) -> str:
        return "cpu"

    @property
    def device_module(self) -> ModuleType:
        from verl_reflect.cpu import device

        return device

    def is_available(self) -> bool:
        return True

    def is_platform_available(self, use_smi_check: bool = False) -> bool:
        """Never found by detection: every machine has a CPU, also the head node of a GPU cluster."""
        return False

    def current_device(self) -> str:  # type: ignore[override]
        """A name where verl's other platforms give an index: torch reads `tensor.to(0)` as the first accelerator."""
        return "cpu"

    def device_count(self) -> int:
        return 1

    def set_device(self, device_index: int) -> None:
        pass

    def synchronize(self, device_index: int | None = None) -> None:
        pass

    def manual_seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    def manual_seed_all(self, seed: int) -> None:
        torch.manual_seed(seed)

    def set_allocator_settings(self, settings: str) -> None:
        pass

    def empty_cache(self) -> None:
        pass

    def get_device_capability(self, device_index: int = 0) -> tuple[int | None, int | None]:
        return None, None

    def communication_backend_name(self) -> str:
        return "gloo"

    def visible_devices_envvar(self) -> str:
        """The variable that Ray sets for the resource below; without GPUs nothing reads it."""
        return "CUDA_VISIBLE_DEVICES"

    @contextmanager
    def nvtx_range(self, msg: str) -> Iterator[None]:
        yield

    def profiler_start(self) -> None:
        pass

    def profiler_stop(self) -> None:
        pass

    def ray_resource_name(self) -> str:
        """verl asks Ray for `get_accelerator_ids()[name]` (vllm_async_server.py:1348), which knows no custom names.

        Ray's resources are logical: the hardware group declares one GPU per worker, and no GPU is touched.
        """
        return "GPU"

    def ray_noset_envvars(self) -> list[str]:
        return []

    def is_ipc_supported(self) -> bool:
        """No CUDA IPC: verl then sends weights to vLLM through shared memory (vllm_rollout.py:143)."""
        return False

    def cudart(self) -> Any:
        return None


if selected():  # verl imports this module before anything that the adaptations must reach
    adaptations.install()
