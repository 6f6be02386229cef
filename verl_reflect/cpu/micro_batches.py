"""How many tokens a micro-batch may have on a CPU, where the model, the logits and the servers share one memory.

verl's 16,384 tokens are for GPUs. With a vocabulary of 49,152 their logits alone are 3.2 GB, of which an update holds
several copies, and Ray ends a process when the machine runs out.
"""

import os
from functools import cache
from pathlib import Path
from typing import Any

import psutil

VERLS_DEFAULT = 16384
MOST = 32768
"""Tokens; more make no forward pass cheaper."""
SHARE = 0.25
"""Of the machine's memory, for a micro-batch. The rest is for weights, optimizer, servers and a dozen processes."""
PADDING = 2
"""Tokens of a micro-batch as it is computed, for each that verl counts: without flash attention every row is padded to
the longest. verl deals rows out by their sums, so that long ones stand beside short ones; 5,200 for 2,500 were seen."""
LOGIT_COPIES = 8
"""Most float32 copies of a token's logits at a time, in an update: with padding and without, three on the way back
through log-sum-exp and choice, the gradient with padding, and two for what padding adds. Counted in verl's code."""
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def micro_batch_tokens(bytes_of_token: int, memory: int, row_tokens: int) -> int:
    """Tokens of a micro-batch: what fits its share of the memory, and never less than the longest row."""
    return max(row_tokens, min(MOST, int(SHARE * memory / (PADDING * bytes_of_token))))


def bytes_of_token(model: Any) -> int:
    """Bytes that a token takes in an update, from the model's `config.json`: float32 logits and activations.

    A layer keeps about ten vectors of the hidden size and four of the inner size, without gradient checkpointing.
    """
    text = model.get_text_config()
    kept = text.num_hidden_layers * (10 * text.hidden_size + 4 * text.intermediate_size)
    return int(4 * (LOGIT_COPIES * text.vocab_size + kept))


def memory_of_machine() -> int:
    """Bytes that this machine, or the container that this process is in, may use."""
    limit = CGROUP_LIMIT.read_text().strip() if CGROUP_LIMIT.exists() else "max"
    total = int(psutil.virtual_memory().total)
    return total if limit == "max" else min(total, int(limit))


def resolve(model_path: str, row_tokens: int) -> int:
    """The configuration's resolver: `micro_batch_tokens` of a model on this machine, verl's default for one unread."""
    needed = _bytes_of_token(model_path)
    if needed is None:
        return max(VERLS_DEFAULT, row_tokens)
    return micro_batch_tokens(needed, memory_of_machine(), row_tokens)


@cache
def _bytes_of_token(model_path: str) -> int | None:
    from transformers import AutoConfig

    try:
        return bytes_of_token(AutoConfig.from_pretrained(os.path.expanduser(model_path)))
    except (OSError, ValueError, AttributeError):  # the checks of the configuration say what is wrong with a model
        return None
