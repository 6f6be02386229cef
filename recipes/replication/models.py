"""The models: two architectures, each small and about ten times larger."""

from collections.abc import Sequence

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2ForCausalLM,
)

CONTEXT = 512
ROWS_AT_ONCE = 16  # what fits into a processor's cache takes half the time
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


def predict(
    model: Model, rows: Sequence[list[int]], trained: Sequence[list[bool]]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What the model expects where a trained token stands, for gradients.

    Returns (logits, targets, mask): float (trained tokens, vocabulary), long (trained tokens), and bool (rows, longest
    row - 1), which is true where the next token is trained on. The first token of a row never is.
    """
    # Padding follows the text, and a causal model never looks ahead: no attention mask is needed.
    ids = pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    mask = pad_sequence([torch.tensor(row) for row in trained], batch_first=True)[:, 1:]
    hidden = model.model(input_ids=ids).last_hidden_state[:, :-1][mask]
    return model.lm_head(hidden), ids[:, 1:][mask], mask


def parameters(model: Model) -> int:
    """Those besides the embeddings, most of whose rows are bytes that nobody says."""
    return int(model.num_parameters() - model.model.embed_tokens.weight.numel())
