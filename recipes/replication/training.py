"""What is trained, and how: the method, and what the paper leaves out, in plain torch.

The sums are those of verl and of this package: advantages come from verl's own GRPO function (and from this package's
shuffled one), and the loss is verl's `token-mean` of one on-policy update a step, where the clipped ratio is 1, with no
KL term. Each step draws failures of the start, as the paper does; a training on first attempts takes their problems.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from omegaconf import OmegaConf
from verl.trainer.ppo.core_algos import compute_grpo_outcome_advantage

from recipes.replication.models import ROWS_AT_ONCE, SIZES, Model, predict
from recipes.replication.rollout import Rollout, Try
from verl_reflect.training.advantage import grpo_shuffled

STEPS = 30
GROUPS = 32
GROUP_SIZE = 8
LEARNING_RATE = 4e-4
"""Of a small model. Wider ones get less, in inverse proportion (arXiv 2203.03466): at this rate three of eleven
trainings of large ones lost more than half of their first tries."""

Estimator = Callable[[torch.Tensor, torch.Tensor, np.ndarray], tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class Row:
    """A sequence, and which of its tokens the model wrote and is trained on."""

    ids: list[int]
    trained: list[bool]
    reward: float
    group: int
    generated: int
    """Tokens that the model wrote for it, those that are not trained on included."""


def reflection_rows(rollout: Rollout, model: Model, failed: Sequence[Try]) -> Iterator[Row]:
    """The method (paper, section 3): a group reflects on one failure; each reflection earns what its retry earns."""
    repeated = [failure for failure in failed for _ in range(GROUP_SIZE)]
    reflections = rollout.reflect(model, repeated)
    retries = rollout.retry(model, repeated, reflections)
    for index, (failure, said, retry) in enumerate(zip(repeated, reflections, retries, strict=True)):
        turns = [(rollout.before_reflection(failure), said)]
        yield _row(turns, retry.passed, index // GROUP_SIZE, len(said) + len(retry.ids))


def attempt_rows(rollout: Rollout, model: Model, failed: Sequence[Try]) -> Iterator[Row]:
    """Plain GRPO on first tries, in groups twice as large: about as many generated tokens as the method's."""
    size = 2 * GROUP_SIZE
    attempts = rollout.attempt(model, [failure.problem for failure in failed for _ in range(size)])
    for index, attempt in enumerate(attempts):
        yield _row([(rollout.asked(attempt.problem), attempt.ids)], attempt.passed, index // size, len(attempt.ids))


def session_rows(rollout: Rollout, model: Model, failed: Sequence[Try]) -> Iterator[Row]:
    """Credit on all tokens: attempt, reflection and retry, paid when the session ends with a pass."""
    attempts = rollout.attempt(model, [failure.problem for failure in failed for _ in range(GROUP_SIZE)])
    missed = [attempt for attempt in attempts if not attempt.passed]
    reflections = rollout.reflect(model, missed)
    retries = rollout.retry(model, missed, reflections)
    second_tries = iter(zip(reflections, retries, strict=True))
    for index, attempt in enumerate(attempts):
        turns, passed = [(rollout.asked(attempt.problem), attempt.ids)], attempt.passed
        if not passed:
            said, retry = next(second_tries)
            turns, passed = _session(rollout, attempt, said, retry), retry.passed
        yield _row(turns, passed, index // GROUP_SIZE, sum(len(written) for _, written in turns))


def _session(rollout: Rollout, failure: Try, said: list[int], retry: Try) -> list[tuple[list[int], list[int]]]:
    """The three turns of a session whose first try failed, as `_row` wants them."""
    asked, reflected = rollout.asked(failure.problem), rollout.before_reflection(failure)
    before_retry = rollout.before_retry(failure, said)
    return [
        (asked, failure.ids),
        (reflected[len(asked) + len(failure.ids) :], said),
        (before_retry[len(reflected) + len(said) :], retry.ids),
    ]


def _row(turns: Sequence[tuple[list[int], list[int]]], passed: bool, group: int, generated: int) -> Row:
    """`turns` are pairs of what the model was given and what it wrote next."""
    ids = [token for given, written in turns for token in given + written]
    trained = [flag for given, written in turns for flag in [False] * len(given) + [True] * len(written)]
    return Row(ids, trained, float(passed), group, generated)


def grpo(rewards: torch.Tensor, mask: torch.Tensor, index: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """verl's advantages."""
    return compute_grpo_outcome_advantage(rewards, mask, index)


def shuffled(rewards: torch.Tensor, mask: torch.Tensor, index: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """The same after permuting the rewards within each group."""
    return grpo_shuffled(rewards, mask, index, OmegaConf.create({"norm_adv_by_std_in_grpo": True}))


@dataclass(frozen=True)
class Choice:
    """What one training pays, and how."""

    rows: Callable[[Rollout, Model, Sequence[Try]], Iterator[Row]]
    estimator: Estimator = grpo


CHOICES = {
    "method": Choice(reflection_rows),
    "shuffled": Choice(reflection_rows, shuffled),
    "grpo": Choice(attempt_rows),
    "all": Choice(session_rows),
}


@dataclass(frozen=True)
class Step:
    """What one step of training saw."""

    success: float
    """Share of its rows that were paid."""
    generated_tokens: int


def train(
    model: Model, rollout: Rollout, failed: Sequence[Try], choice: Choice, seed: int, steps: int = STEPS
) -> Iterator[Step]:
    """Train in place; a step is done when it is asked for."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate(model))
    for _ in range(steps):
        rows = list(choice.rows(rollout, model, rng.sample(failed, GROUPS)))
        update(model, optimizer, rows, advantages(rows, choice.estimator))
        yield Step(sum(row.reward for row in rows) / len(rows), sum(row.generated for row in rows))


def learning_rate(model: Model) -> float:
    """For a model of this width."""
    return LEARNING_RATE * SIZES["small"]["hidden_size"] / model.config.hidden_size


def advantages(rows: Sequence[Row], estimator: Estimator) -> list[float]:
    """One advantage a row."""
    rewards = torch.tensor([[row.reward] for row in rows])
    values, _ = estimator(rewards, torch.ones_like(rewards), np.array([row.group for row in rows]))
    return values[:, 0].tolist()


def update(model: Model, optimizer: torch.optim.Optimizer, rows: Sequence[Row], values: Sequence[float]) -> None:
    """One step along the policy gradient. Rows without an advantage count in the mean and cost nothing."""
    tokens = sum(sum(row.trained) for row in rows)
    teaching = sorted(((row, value) for row, value in zip(rows, values, strict=True) if value), key=_length)
    for first in range(0, len(teaching), ROWS_AT_ONCE):
        (_loss(model, teaching[first : first + ROWS_AT_ONCE]) / tokens).backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()


def _length(pair: tuple[Row, float]) -> int:
    return len(pair[0].ids)


def _loss(model: Model, pairs: Sequence[tuple[Row, float]]) -> torch.Tensor:
    logits, targets, mask = predict(model, [row.ids for row, _ in pairs], [row.trained for row, _ in pairs])
    advantage = torch.tensor([value for _, value in pairs])[:, None].expand(mask.shape)[mask]
    return (advantage * torch.nn.functional.cross_entropy(logits, targets, reduction="none")).sum()
