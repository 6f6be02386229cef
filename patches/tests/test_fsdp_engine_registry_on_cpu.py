"""Where the CPU is the device, the registry finds the FSDP engines."""

import pytest

from verl.workers.engine import base
from verl.workers.engine.fsdp import transformer_impl


@pytest.mark.parametrize("backend", ["fsdp", "fsdp2"])
@pytest.mark.parametrize(
    ("model_type", "engine"),
    [("language_model", "FSDPEngineWithLMHead"), ("value_model", "FSDPEngineWithValueHead")],
)
def test_an_engine_is_registered(monkeypatch, model_type, engine, backend):
    monkeypatch.delenv("VERL_ENGINE_DEVICE", raising=False)
    monkeypatch.setattr(base, "get_device_name", lambda: "cpu")
    found = base.EngineRegistry.get_engine_cls(model_type, backend)
    assert found is getattr(transformer_impl, engine)
