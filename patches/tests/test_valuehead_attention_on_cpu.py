"""A value model is loaded with the attention implementation that its config names (#5210)."""

import sys
from types import ModuleType

import pytest
import torch
from transformers import AutoConfig, AutoModelForTokenClassification, Qwen2Config, Qwen2ForCausalLM

from verl.utils import model as verl_model


@pytest.fixture
def checkpoint(tmp_path):
    config = Qwen2Config(
        vocab_size=16,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
    )
    Qwen2ForCausalLM(config).save_pretrained(tmp_path)
    return tmp_path


@pytest.fixture
def stub_of_trl(monkeypatch):
    """trl's value head, as far as verl touches it, and a reason to fall back to it."""

    class WithValueHead(torch.nn.Module):
        def __init__(self, pretrained_model):
            super().__init__()
            self.pretrained_model = pretrained_model

        @classmethod
        def from_pretrained(cls, pretrained_model):
            return cls(pretrained_model)

    def refuse(**kwargs):
        raise ValueError("not a token classifier")

    trl = ModuleType("trl")
    trl.AutoModelForCausalLMWithValueHead = WithValueHead
    monkeypatch.setitem(sys.modules, "trl", trl)
    monkeypatch.setattr(verl_model, "is_trl_available", lambda: True)
    monkeypatch.setattr(AutoModelForTokenClassification, "from_pretrained", refuse)


def load(checkpoint, attention):
    config = AutoConfig.from_pretrained(checkpoint, attn_implementation=attention, num_labels=1)
    return verl_model.load_valuehead_model(checkpoint, torch.float32, config, trust_remote_code=False)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_a_token_classifier_uses_the_configs_attention(checkpoint, attention):
    assert load(checkpoint, attention).config._attn_implementation == attention


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_so_does_a_causal_model_with_a_value_head(checkpoint, attention, stub_of_trl):
    assert load(checkpoint, attention).pretrained_model.config._attn_implementation == attention
