"""The tiny model: Qwen2's architecture, so that transformers, vLLM and verl know it, at 197,000 parameters."""

import torch
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

CONTEXT = 512


def build_model(tokenizer: PreTrainedTokenizerFast, seed: int, rows: int | None = None) -> Qwen2ForCausalLM:
    """A freshly initialised model, with `rows` of embeddings or as many as the tokenizer has tokens.

    Its two heads of 32 are the smallest that vLLM's CPU attention supports.
    """
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=rows or len(tokenizer),
        hidden_size=64,
        intermediate_size=192,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        initializer_range=0.05,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=None if rows else tokenizer.pad_token_id,
        dtype="float32",
    )
    return Qwen2ForCausalLM(config)  # type: ignore[no-untyped-call]
