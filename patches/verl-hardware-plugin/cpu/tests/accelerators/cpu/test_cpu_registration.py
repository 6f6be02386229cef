"""With VERL_PLATFORM=cpu, verl finds the CPU's platform and engines, and starts a process group on it."""

import pytest
import torch

from verl.plugin.platform import PlatformRegistry, platform_manager
from verl.workers.engine.base import EngineRegistry
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead, FSDPEngineWithValueHead
from verl_hardware_plugin.accelerators.cpu import adaptations, platform_cpu, registration  # noqa: F401


@pytest.fixture(autouse=True)
def the_cpu(monkeypatch):
    monkeypatch.setenv("VERL_PLATFORM", "cpu")
    monkeypatch.delenv("VERL_ENGINE_DEVICE", raising=False)
    monkeypatch.setattr(platform_manager, "_current_platform", None)


def test_the_platform_is_found_by_name():
    assert PlatformRegistry.get("cpu") is platform_cpu.PlatformCPU
    assert isinstance(platform_manager.get_platform(), platform_cpu.PlatformCPU)


def test_the_platform_is_never_detected(monkeypatch):
    monkeypatch.delenv("VERL_PLATFORM")
    assert platform_manager._detect_platform_name() != "cpu"


@pytest.mark.parametrize(
    ("model_type", "engine"), [("language_model", FSDPEngineWithLMHead), ("value_model", FSDPEngineWithValueHead)]
)
def test_an_engine_is_registered(model_type, engine):
    assert EngineRegistry.get_engine_cls(model_type, "fsdp2") is engine


def test_verls_process_group_starts(monkeypatch):
    from verl.utils import distributed

    place = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": "0"}
    for name, value in place.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.distributed, "init_process_group", torch.distributed.init_process_group)
    adaptations.install()
    distributed.initialize_global_process_group_ray()
    total = torch.tensor([3.0])
    torch.distributed.all_reduce(total)
    distributed.destroy_global_process_group()
    assert total.item() == 3.0
