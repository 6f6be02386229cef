"""Make the tiny model's starting checkpoint: `python -m recipes.tiny_model warm-start --out DIR`.

Three phases of plain next-token training. The first teaches to follow: its hints are misleading, so that a retry can
only be predicted from the reflection before it. The second teaches the skill: right answers, and mostly right plans.
The third makes the model sloppy: most of its free answers are wrong, and most of its reflections are empty talk; a
plan, when it makes one, is still careful. What is left is a model that knows more than it says. It can learn, from the
reward alone, that reflections which say something are worth writing.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

from recipes.tiny_model.card import write_card
from recipes.tiny_model.conversations import IGNORED, Mixture, conversation, encode, short_answer
from recipes.tiny_model.spoken import build_small_model, rows_of, with_full_vocabulary
from recipes.tiny_model.tokenizer import build_tokenizer
from verl_reflect.demo.problems import split_problems
from verl_reflect.progress import counted

BATCH = 64
WARM_UP_STEPS = 30


@dataclass(frozen=True)
class Phase:
    """A stretch of training on one mixture; the learning rate rises briefly, then falls along a cosine to a tenth."""

    name: str
    steps: int
    learning_rate: float
    mixture: Mixture

    def rate(self, step: int) -> float:
        cosine = 0.55 + 0.45 * math.cos(math.pi * step / self.steps)
        return self.learning_rate * min(1.0, (step + 1) / WARM_UP_STEPS) * cosine


PHASES = (
    Phase("follow", 250, 3e-3, Mixture(0.0, blind=0.12, answers_right=1.0, hints_right=0.0, kinds=(1, 1, 1, 8))),
    Phase("skill", 4000, 3e-3, Mixture(0.25, blind=0.12, answers_right=1.0, hints_right=0.9, kinds=(1, 1, 1, 8))),
    Phase("sloppy", 150, 6e-4, Mixture(0.2, blind=0.1, answers_right=0.2, hints_right=0.95, kinds=(6, 2, 1, 2))),
)


def train(model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, phase: Phase, seed: int) -> list[float]:
    """Train the small model in place on one phase. Returns the loss of every step, the same again for the same seed."""
    rows = rows_of(tokenizer)
    rng = random.Random(f"{phase.name} {seed}")
    problems, _ = split_problems()
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.1)
    losses = []
    for step in counted(range(phase.steps), f"warm start, {phase.name}", phase.steps):
        draw = short_answer if rng.random() < phase.mixture.short else conversation
        drawn = [draw(rng.choice(problems).shuffled(rng), phase.mixture, rng) for _ in range(BATCH)]
        encoded = [_as_rows(encode(turns, tokenizer), rows) for turns in drawn]
        for group in optimizer.param_groups:
            group["lr"] = phase.rate(step)
        losses.append(_update(model, optimizer, encoded, rows[tokenizer.pad_token_id]))
    return losses


def _as_rows(encoded: tuple[list[int], list[int]], rows: Mapping[int, int]) -> tuple[list[int], list[int]]:
    ids, labels = encoded
    return [rows[token] for token in ids], [rows.get(label, IGNORED) for label in labels]


def _update(
    model: Qwen2ForCausalLM, optimizer: torch.optim.Optimizer, encoded: list[tuple[list[int], list[int]]], pad: int
) -> float:
    # Padding follows the text, and a causal model never looks ahead: no attention mask is needed.
    ids = pad_sequence([torch.tensor(ids) for ids, _ in encoded], batch_first=True, padding_value=pad)
    labels = pad_sequence([torch.tensor(labels) for _, labels in encoded], batch_first=True, padding_value=IGNORED)
    loss = model(input_ids=ids, labels=labels).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def make_checkpoint(out: Path, seed: int, phases: Sequence[Phase] = PHASES) -> None:
    """Train a new model and write the folder that transformers, vLLM and verl load, and its card."""
    torch.set_num_threads(1)  # more threads gain nothing at this size
    tokenizer = build_tokenizer()
    small = build_small_model(tokenizer, seed)
    for phase in phases:
        train(small, tokenizer, phase, seed)
    model = with_full_vocabulary(small, tokenizer)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    write_card(out, model, tokenizer, {"seed": seed, "phases": [asdict(phase) for phase in phases]})
