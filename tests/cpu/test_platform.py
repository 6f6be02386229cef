"""The CPU platform: it answers verl's whole contract, and nothing but VERL_PLATFORM=cpu selects it."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from verl.plugin.platform import PlatformRegistry, platform_manager

from verl_reflect.cpu import device
from verl_reflect.cpu.platform import CpuPlatform

CALLERS = [
    "single_controller/base/worker.py",
    "utils/checkpoint/checkpoint_manager.py",
    "utils/distributed.py",
    "utils/fsdp_utils.py",
    "utils/profiler/performance.py",
    "workers/engine_workers.py",
    "workers/rollout/vllm_rollout/bucketed_weight_transfer.py",
]


def test_verl_knows_it() -> None:
    assert PlatformRegistry.get("cpu") is CpuPlatform


def test_it_is_never_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VERL_PLATFORM", raising=False)
    assert platform_manager._detect_platform_name() != "cpu"
    assert not CpuPlatform().is_platform_available(use_smi_check=True)


def test_the_variable_selects_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERL_PLATFORM", " CPU ")
    assert isinstance(platform_manager._create_platform(platform_manager._detect_platform_name()), CpuPlatform)


def test_it_answers_every_question_of_the_contract() -> None:
    platform = CpuPlatform()
    arguments = {
        "check_smi_command": ["no-such-command"],
        "apply_model_patches": ["qwen2"],
        "get_device_uuid": [0],
        "manual_seed": [1],
        "manual_seed_all": [1],
        "nvtx_range": ["range"],
        "ray_resource_options": [1],
        "set_allocator_settings": ["expandable_segments:True"],
        "set_device": [0],
    }
    for name in [name for name in dir(platform) if not name.startswith("_")]:
        question = getattr(platform, name)
        if callable(question):
            question(*arguments.get(name, []))


def test_a_tensor_can_be_moved_to_it() -> None:
    platform = CpuPlatform()
    assert torch.zeros(1).to(platform.current_device()).device.type == platform.device_name
    assert platform.ray_resource_options(0.5) == {"num_gpus": 0.5}
    with platform.nvtx_range("range"):
        pass


@pytest.mark.parametrize("caller", CALLERS)
def test_the_device_module_has_whatever_verl_calls_on_it(caller: str) -> None:
    spec = find_spec("verl")
    assert spec is not None and spec.submodule_search_locations
    source = Path(spec.submodule_search_locations[0], caller).read_text()
    names = re.findall(r"get_torch_device\(\)\.(\w+)", source)
    assert names and not [name for name in names if not hasattr(device, name)]


def test_device_memory_is_the_hosts_and_verl_counts_none_of_it() -> None:
    free, total = device.mem_get_info()
    assert 0 < free <= total
    assert device.memory_allocated() == device.max_memory_reserved() == 0


def test_the_random_state_survives_a_checkpoint() -> None:
    state = device.get_rng_state()
    drawn = torch.rand(1)
    device.set_rng_state(state)
    assert torch.rand(1) == drawn
