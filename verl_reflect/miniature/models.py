"""The models: two architectures, each small and about ten times larger."""

import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Qwen2Config,
    Qwen2ForCausalLM,
)

CONTEXT = 512
ARCHITECTURES: dict[str, tuple[type[PreTrainedModel], type[PretrainedConfig]]] = {
    "qwen2": (Qwen2ForCausalLM, Qwen2Config),
    "llama": (LlamaForCausalLM, LlamaConfig),
}
SIZES: dict[str, dict[str, int]] = {
    "small": {"hidden_size": 64, "intermediate_size": 192, "num_hidden_layers": 3, "num_attention_heads": 2},
    "large": {"hidden_size": 160, "intermediate_size": 480, "num_hidden_layers": 5, "num_attention_heads": 5},
}
"""160,000 and 1,670,000 parameters besides the embeddings. Heads of 32 are the smallest that vLLM's CPU attention takes."""


def build_model(architecture: str, size: str, tokenizer: PreTrainedTokenizerBase, seed: int) -> PreTrainedModel:
    """A freshly initialised model."""
    torch.manual_seed(seed)
    model_class, config_class = ARCHITECTURES[architecture]
    shape = SIZES[size]
    config = config_class(
        **shape,
        num_key_value_heads=shape["num_attention_heads"],
        vocab_size=len(tokenizer),
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        initializer_range=0.05,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype="float32",
    )
    return model_class(config)


def parameters(model: PreTrainedModel) -> int:
    """Those besides the embeddings, most of whose rows are bytes that nobody says."""
    return model.num_parameters() - model.get_input_embeddings().weight.numel()
