"""Countdown in miniature: the tiny model's task (recipes/tiny_model), three numbers and a target from 1 to 99."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from recipes.replication.world import Answer
from recipes.replication.world import Problem as AnyProblem
from recipes.tiny_model import reflections
from recipes.tiny_model.reflections import Reflection
from verl_reflect.demo import problems
from verl_reflect.demo.problems import LARGEST_TARGET, Expression


@dataclass(frozen=True)
class CountdownProblem:
    """A problem of the tiny model, with its answers."""

    problem: problems.Problem

    @property
    def text(self) -> str:
        return self.problem.text

    @property
    def ground_truth(self) -> dict[str, Any]:
        return {"target": self.problem.target, "numbers": list(self.problem.numbers)}

    def solutions(self) -> list[Expression]:
        return problems.solutions(self.problem)

    def failures(self) -> list[Expression]:
        return self.mistakes()

    def mistakes(self) -> list[Expression]:
        return problems.mistakes(self.problem)


class Countdown:
    """Reach the target with each number used once."""

    name = "countdown"
    data_source = "countdown"

    @cached_property
    def _split(self) -> tuple[Sequence[problems.Problem], Sequence[problems.Problem]]:
        return problems.split_problems()

    def problem(self, rng: random.Random, *, held_out: bool) -> CountdownProblem:
        return CountdownProblem(rng.choice(self._split[held_out]).shuffled(rng))

    def hint(self, problem: AnyProblem, attempt: Answer) -> Reflection:
        """The side of the target on which the attempt fell."""
        assert isinstance(problem, CountdownProblem) and isinstance(attempt, Expression)
        return reflections.direction(attempt, problem.problem.target)

    def plan(self, plan: Answer) -> Reflection:
        assert isinstance(plan, Expression)
        return reflections.strong(plan)

    def texts(self) -> list[str]:
        numbers = " ".join(map(str, range(LARGEST_TARGET + 1)))
        return ["<answer> ( ) + - * </answer>", "Make from .", numbers, *reflections.every_sentence()]
