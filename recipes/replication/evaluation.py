"""What a model can do in a world, each measure on problems that its training never saw, at temperature 1.

Two kinds of items, the same for all models of a seed. New problems: a first try, and after a failure a reflection and a
second one, the paper's two numbers. And failures of the start: there a model reflects and retries, retries at once, or
tries afresh, and the start retries after its reflections.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch

from recipes.replication.models import Model
from recipes.replication.rollout import Rollout, Try, failures
from recipes.replication.world import Problem, drawn
from verl_reflect.statistics import pass_at_k

ITEMS = 500
FRESH = 4

Measures = Mapping[str, float]


@dataclass(frozen=True)
class Exam:
    """The items of one seed in one world, and the model whose failures are among them."""

    rollout: Rollout
    start: Model
    problems: Sequence[Problem]
    failed: Sequence[Try]
    seed: int

    def sit(self, model: Model) -> Measures:
        """Shares between 0 and 1 by measure, and the tokens that a second and a fresh try generate."""
        torch.manual_seed(self.seed)
        return {**self._new_problems(model), **self._failures(model)}

    def _new_problems(self, model: Model) -> Measures:
        attempts = self.rollout.attempt(model, self.problems)
        missed = [attempt for attempt in attempts if not attempt.passed]
        retries = self.rollout.retry(model, missed, self.rollout.reflect(model, missed))
        first = sum(attempt.passed for attempt in attempts)
        return {
            "first_try": first / len(attempts),
            "within_two_tries": (first + sum(retry.passed for retry in retries)) / len(attempts),
        }

    def _failures(self, model: Model) -> Measures:
        reflections = self.rollout.reflect(model, self.failed)
        retries = self.rollout.retry(model, self.failed, reflections)
        fresh = [self.rollout.attempt(model, [failure.problem for failure in self.failed]) for _ in range(FRESH)]
        passes = [sum(attempt.passed for attempt in attempts) for attempts in zip(*fresh, strict=True)]
        return {
            "after_reflection": _share(retries),
            "blind_retry": _share(self.rollout.retry_blind(model, self.failed)),
            "start_retries": _share(self.rollout.retry(self.start, self.failed, reflections)),
            **{f"fresh@{k}": fmean(pass_at_k(FRESH, count, k) for count in passes) for k in range(1, FRESH + 1)},
            "reflection_tokens": fmean(map(len, reflections)),
            "retry_tokens": fmean(len(retry.ids) for retry in retries),
            "fresh_tokens": fmean(len(attempt.ids) for attempts in fresh for attempt in attempts),
        }


def _share(tries: Sequence[Try]) -> float:
    return fmean(attempt.passed for attempt in tries)


def make_exam(rollout: Rollout, start: Model, seed: int, items: int = ITEMS) -> Exam:
    """The items of a seed."""
    rng = random.Random(f"exam {seed}")
    torch.manual_seed(seed)
    problems = [rollout.world.problem(rng, held_out=True) for _ in range(items)]
    failed = failures(rollout, start, drawn(rollout.world, rng, held_out=True), items)
    return Exam(rollout, start, problems, failed, seed)
