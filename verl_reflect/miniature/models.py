"""The models: two architectures, each small and about ten times larger."""

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2ForCausalLM,
)

CONTEXT = 512
ARCHITECTURES = ("qwen2", "llama")
"""As transformers names them."""
Model = Qwen2ForCausalLM | LlamaForCausalLM
SIZES: dict[str, dict[str, int]] = {
    "small": {"hidden_size": 64, "intermediate_size": 192, "num_hidden_layers": 3, "num_attention_heads": 2},
    "large": {"hidden_size": 160, "intermediate_size": 480, "num_hidden_layers": 5, "num_attention_heads": 5},
}
"""160,000 and 1,670,000 parameters besides the embeddings; heads of 32 are the smallest that vLLM takes on a CPU."""


def build_model(architecture: str, size: str, tokenizer: PreTrainedTokenizerFast, seed: int) -> Model:
    """A freshly initialised model."""
    torch.manual_seed(seed)
    shape = SIZES[size]
    config = AutoConfig.for_model(
        architecture,
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
    model: Model = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    return model


def parameters(model: Model) -> int:
    """Those besides the embeddings, most of whose rows are bytes that nobody says."""
    return int(model.num_parameters() - model.model.embed_tokens.weight.numel())
