"""The models that everything starts from: they know both worlds, and are sloppy in both.

Four phases of plain next-token training on made-up conversations, as for the tiny model (recipes/tiny_model):
to do what a plan says, right or wrong; function calls alone, until a failure says which account it is (learned all at
once, or not at all, so it gets batches of its own); the skill in both worlds; and sloppiness, where most answers are
wrong and most reflections empty talk. Both architectures get the same.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerFast

from recipes.replication.language import WORLDS
from recipes.replication.models import ROWS_AT_ONCE, Model, predict
from recipes.replication.world import Answer, Problem, World
from recipes.tiny_model.conversations import IGNORED, Exchange, encode, follow
from recipes.tiny_model.reflections import REFLECTION_REQUEST, Reflection, vague
from verl_reflect.progress import counted

WARM_UP_STEPS = 30


@dataclass(frozen=True)
class Mixture:
    """Which conversations are drawn in a world, and how often they are right."""

    short: float
    """Share that is only a problem and its answer."""
    blind: float
    """Share of the others in which the retry follows the attempt without a reflection."""
    answers_right: float
    """How often an answer is right that is free to be."""
    plans_right: float
    """How often a plan is."""
    kinds: tuple[float, float, float]
    """Weights of vague reflections, hints and plans."""


@dataclass(frozen=True)
class Phase:
    """A stretch of training; the learning rate rises briefly, then falls along a cosine to a tenth."""

    name: str
    steps: int
    learning_rate: float
    batch: dict[str, int]
    """Conversations of each world in a batch."""
    mixtures: dict[str, Mixture]

    def rate(self, step: int) -> float:
        cosine = 0.55 + 0.45 * math.cos(math.pi * step / self.steps)
        return self.learning_rate * min(1.0, (step + 1) / WARM_UP_STEPS) * cosine


STEPS = {
    "small": {"follow": 1000, "calls": 500, "skill": 2200, "sloppy": 120},
    "large": {"follow": 600, "calls": 300, "skill": 600, "sloppy": 120},
}
"""By size and phase: a larger model learns more from each conversation, and takes six times as long over it."""


def phases(size: str) -> tuple[Phase, ...]:
    """What a start of this size goes through."""
    steps = STEPS[size]
    return (
        Phase(
            "follow",
            steps["follow"],
            3e-3,
            {"countdown": 24, "calls": 40},
            {
                "countdown": Mixture(0.0, 0.12, answers_right=1.0, plans_right=0.0, kinds=(1, 1, 8)),
                "calls": Mixture(0.0, 0.12, answers_right=1.0, plans_right=0.0, kinds=(1, 1, 8)),
            },
        ),
        Phase(
            "calls",
            steps["calls"],
            3e-3,
            {"calls": 64},
            {"calls": Mixture(0.0, 0.2, answers_right=1.0, plans_right=1.0, kinds=(1, 1, 8))},
        ),
        Phase(
            "skill",
            steps["skill"],
            3e-3,
            {"countdown": 48, "calls": 16},
            {
                "countdown": Mixture(0.25, 0.12, answers_right=1.0, plans_right=0.9, kinds=(1, 1, 8)),
                "calls": Mixture(0.25, 0.12, answers_right=1.0, plans_right=0.8, kinds=(1, 2, 4)),
            },
        ),
        Phase(
            "sloppy",
            steps["sloppy"],
            4e-4,
            {"countdown": 32, "calls": 32},
            {
                "countdown": Mixture(0.2, 0.2, answers_right=0.2, plans_right=0.95, kinds=(6, 2, 2)),
                "calls": Mixture(0.2, 0.2, answers_right=0.2, plans_right=0.9, kinds=(6, 2, 2)),
            },
        ),
    )


def conversation(world: World, mixture: Mixture, rng: random.Random) -> list[Exchange]:
    """A problem and its answer, or a failed attempt and a retry, mostly with a reflection in between."""
    problem = world.problem(rng, held_out=False)
    if rng.random() < mixture.short:
        return [Exchange(problem.text, _answer(problem, mixture.answers_right, rng).text)]
    attempt = rng.choice(problem.failures())
    first = Exchange(problem.text, attempt.text, trained=False)
    if rng.random() < mixture.blind:
        return [first, Exchange(problem.text, _answer(problem, mixture.answers_right, rng).text)]
    reflection = _reflection(world, problem, attempt, mixture, rng)
    retry = follow(reflection, problem.solutions(), problem.mistakes(), mixture.answers_right, rng)
    return [first, Exchange(REFLECTION_REQUEST, reflection.sentence), Exchange(problem.text, retry.text)]


def _answer(problem: Problem, right: float, rng: random.Random) -> Answer:
    return rng.choice(problem.solutions() if rng.random() < right else problem.mistakes())


def _reflection(world: World, problem: Problem, attempt: Answer, mixture: Mixture, rng: random.Random) -> Reflection:
    kind = rng.choices(("vague", "hint", "plan"), weights=mixture.kinds)[0]
    if kind == "vague":
        return vague(rng)
    if kind == "hint":
        return world.hint(problem, attempt)
    return world.plan(_answer(problem, mixture.plans_right, rng))


def train(model: Model, tokenizer: PreTrainedTokenizerFast, phase: Phase, seed: int) -> list[float]:
    """Train in place on one phase. Returns the loss of every step."""
    rng = random.Random(f"{phase.name} {seed}")
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.1)
    losses = []
    for step in counted(range(phase.steps), f"start, {phase.name}", phase.steps):
        turns = [
            conversation(WORLDS[name], phase.mixtures[name], rng)
            for name in phase.batch
            for _ in range(phase.batch[name])
        ]
        for group in optimizer.param_groups:
            group["lr"] = phase.rate(step)
        losses.append(_update(model, optimizer, [encode(said, tokenizer) for said in turns]))
    return losses


def _update(model: Model, optimizer: torch.optim.Optimizer, encoded: Sequence[tuple[list[int], list[int]]]) -> float:
    by_length = sorted(encoded, key=lambda pair: len(pair[0]))
    targets, total = sum(label != IGNORED for _, labels in encoded for label in labels), 0.0
    for first in range(0, len(by_length), ROWS_AT_ONCE):
        loss = _loss(model, by_length[first : first + ROWS_AT_ONCE]) / targets
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.item()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return total


def _loss(model: Model, encoded: Sequence[tuple[list[int], list[int]]]) -> torch.Tensor:
    trained = [[label != IGNORED for label in labels] for _, labels in encoded]
    logits, targets, _ = predict(model, [ids for ids, _ in encoded], trained)
    return torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
