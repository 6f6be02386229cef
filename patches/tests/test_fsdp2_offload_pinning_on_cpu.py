"""FSDP2's offloaded parameters are pinned only where there is an accelerator to copy them to."""

from types import SimpleNamespace

import pytest
import torch

from verl.workers.engine.fsdp import transformer_impl


def offload_policy(monkeypatch, accelerator):
    """The policy that a reference model is wrapped with."""
    wrapped = {}
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: accelerator)
    monkeypatch.setattr(transformer_impl, "get_fsdp_wrap_policy", lambda **kwargs: None)
    monkeypatch.setattr(transformer_impl, "get_sharding_strategy", lambda *args, **kwargs: None)
    monkeypatch.setattr(transformer_impl, "apply_fsdp2", lambda module, kwargs, config: wrapped.update(kwargs))
    monkeypatch.setattr(transformer_impl, "fsdp2_load_full_state_dict", lambda *args: None)
    monkeypatch.setattr(transformer_impl, "fsdp_version", lambda module: 2)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 1)

    engine = object.__new__(transformer_impl.FSDPEngine)
    engine.device_mesh = None
    engine.model_config = SimpleNamespace(lora_rank=0, enable_activation_offload=False)
    engine.engine_config = SimpleNamespace(
        strategy="fsdp2",
        forward_only=True,
        offload_policy=False,
        mixed_precision=None,
        wrap_policy=None,
        reshard_after_forward=True,
    )
    engine._build_fsdp_module(torch.nn.Linear(2, 2))
    return wrapped["offload_policy"]


@pytest.mark.parametrize("accelerator", [False, True])
def test_memory_is_pinned_for_an_accelerator_only(monkeypatch, accelerator):
    assert offload_policy(monkeypatch, accelerator).pin_memory is accelerator
