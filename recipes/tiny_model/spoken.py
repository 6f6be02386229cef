"""The tokens that the tiny language uses, and a model that has rows for nothing else.

The tokenizer has 561 tokens, most of them bytes that are never said. The warm start trains a model with rows for the
163 that are, and one for all others. Afterwards the model gets its full vocabulary, every unsaid token with the row
that has learned never to be said.
"""

from collections.abc import Iterator

import torch
from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

from recipes.tiny_model.model import build_model
from recipes.tiny_model.reflections import REFLECTION_REQUEST, every_sentence
from verl_reflect.demo.problems import LARGEST_TARGET


def spoken_ids(tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """Ids of all tokens that can occur in a conversation, padding included, in ascending order."""
    ids = {token for text in _every_text() for token in tokenizer.encode(text)}
    return sorted(ids | {tokenizer.pad_token_id})


def _every_text() -> Iterator[str]:
    yield from ("<|im_start|>user\n", "<|im_start|>assistant\n", "<|im_end|>", REFLECTION_REQUEST, *every_sentence())
    yield "<answer> ( 1 + 1 ) - 1 * 1 </answer>"
    for number in range(LARGEST_TARGET + 1):
        yield f"Make {number} from {number} ."


def build_small_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> Qwen2ForCausalLM:
    """A fresh model with a row for each spoken token and one, the last, for all others."""
    return build_model(tokenizer, seed, rows=len(spoken_ids(tokenizer)) + 1)


def rows_of(tokenizer: PreTrainedTokenizerFast) -> dict[int, int]:
    """The small model's row of each spoken token id."""
    return {token: row for row, token in enumerate(spoken_ids(tokenizer))}


def with_full_vocabulary(small: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast) -> Qwen2ForCausalLM:
    """The same model, speaking the tokenizer's ids."""
    full = build_model(tokenizer, seed=0)
    inner = {
        name: weight for name, weight in small.state_dict().items() if name.startswith(("model.layers", "model.norm"))
    }
    full.load_state_dict(inner, strict=False)
    rows, spoken = small.model.embed_tokens.weight.data, spoken_ids(tokenizer)
    table = rows[-1].repeat(len(tokenizer), 1)
    table[torch.tensor(spoken)] = rows[: len(spoken)]
    full.model.embed_tokens.weight.data.copy_(table)  # the output layer shares it
    return full
