"""Draw answers from the tiny model at temperature 1 with plain transformers, a few hundred prompts at a time."""

from collections.abc import Iterable
from itertools import islice

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast, Qwen2ForCausalLM

BATCH = 250
MAX_NEW_TOKENS = 20  # an answer takes 10, the longest reflection 15


@torch.no_grad()
def sample(
    model: Qwen2ForCausalLM | LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    prompts: Iterable[list[int]],
    at_once: int = BATCH,
) -> list[list[int]]:
    """One answer a prompt, its closing `<|im_end|>` included; an answer that runs too long is cut and has none.

    Draws from torch's global random state: seed it for the same answers again.
    """
    pending, answers = iter(prompts), []
    while batch := list(islice(pending, at_once)):
        answers += _sample_batch(model, tokenizer, batch)
    return answers


def words_of(answer: list[int], tokenizer: PreTrainedTokenizerFast) -> str:
    """The answer's text without markers."""
    return str(tokenizer.decode(answer, skip_special_tokens=True))


def _sample_batch(
    model: Qwen2ForCausalLM | LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, prompts: list[list[int]]
) -> list[list[int]]:
    padded = tokenizer.pad({"input_ids": prompts}, return_tensors="pt")
    generated = model.generate(  # type: ignore[misc]  # transformers' own annotations disagree
        **padded, do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=MAX_NEW_TOKENS
    )
    answers: list[list[int]] = generated[:, padded["input_ids"].shape[1] :].tolist()
    return [_until(answer, tokenizer.eos_token_id) for answer in answers]


def _until(ids: list[int], end: int) -> list[int]:
    return ids[: ids.index(end) + 1] if end in ids else ids
