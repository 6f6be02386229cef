"""The CPU platform: asked for by name, never detected, and it answers verl's whole contract (#3266)."""

import torch

from verl.plugin.platform import PlatformBase, PlatformRegistry, platform_manager


def selected_platform(monkeypatch):
    monkeypatch.setenv("VERL_PLATFORM", "cpu")
    monkeypatch.setattr(platform_manager, "_current_platform", None)
    return platform_manager.get_platform()


def test_the_variable_selects_it(monkeypatch):
    platform = selected_platform(monkeypatch)
    assert (platform.device_name, platform.vendor_name) == ("cpu", "cpu")
    assert platform.is_available()
    assert platform.communication_backend_name() == "gloo"


def test_it_is_never_detected(monkeypatch):
    monkeypatch.delenv("VERL_PLATFORM", raising=False)
    assert "cpu" in PlatformRegistry.registered_names()
    assert platform_manager._detect_platform_name() != "cpu"


def test_a_tensor_can_be_moved_to_it(monkeypatch):
    assert torch.zeros(1).to(selected_platform(monkeypatch).current_device()).device.type == "cpu"


ARGUMENTS = {
    "get_device_uuid": [0],
    "manual_seed": [1],
    "manual_seed_all": [1],
    "nvtx_range": ["a range"],
    "set_allocator_settings": ["expandable_segments:True"],
    "set_device": [0],
}


def test_it_answers_every_question_of_the_contract(monkeypatch):
    platform = selected_platform(monkeypatch)
    for name in sorted(PlatformBase.__abstractmethods__):
        question = getattr(platform, name)
        if callable(question):
            question(*ARGUMENTS.get(name, []))


def test_its_module_has_what_verl_calls_and_torch_lacks(monkeypatch):
    module = selected_platform(monkeypatch).device_module
    free, total = module.mem_get_info()
    assert 0 < free <= total
    assert module.memory_allocated() == module.max_memory_allocated() == 0
    state = module.get_rng_state()
    drawn = torch.rand(1)
    module.set_rng_state(state)
    assert torch.rand(1) == drawn
