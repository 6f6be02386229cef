"""A linear layer can keep the weight that it packed for the CPU kernels, so that new values can be loaded."""

import pytest
import torch

from vllm.model_executor.layers import linear

pytestmark = pytest.mark.skipif(not linear.current_platform.is_cpu(), reason="only vLLM's CPU backend packs weights")


def packed(keep, monkeypatch):
    monkeypatch.setenv("VLLM_CPU_KEEP_LINEAR_WEIGHT", keep)
    layer = torch.nn.Linear(16, 16, bias=False).requires_grad_(False)
    linear.UnquantizedLinearMethod().process_weights_after_loading(layer)
    return layer


def test_new_values_are_used_after_packing_again(monkeypatch):
    layer = packed("1", monkeypatch)
    layer.weight.data.copy_(torch.eye(16))
    linear.UnquantizedLinearMethod().process_weights_after_loading(layer)
    row = torch.rand(1, 16)
    torch.testing.assert_close(linear.UnquantizedLinearMethod().apply(layer, row), row)


def test_the_weight_goes_as_before_unless_asked_to_stay(monkeypatch):
    assert packed("1", monkeypatch).weight.numel() == 16 * 16
    assert packed("0", monkeypatch).weight.numel() == 0
