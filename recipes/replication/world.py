"""What a task of the miniature is made of: problems, the answers worth considering, and what reflections say of them.

There are two: `countdown` and `calls`. Verdicts come from the tasks of this package, the ones that real models face.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from recipes.tiny_model.reflections import Reflection
from verl_reflect.reward import compute_score

SPLIT_SEED = 20505


class Answer(Protocol):
    """One way to answer a problem."""

    @property
    def text(self) -> str: ...


class Problem(Protocol):
    """What is asked, and every answer that is considered."""

    @property
    def text(self) -> str: ...

    @property
    def ground_truth(self) -> Any: ...

    def solutions(self) -> Sequence[Answer]: ...

    def failures(self) -> Sequence[Answer]:
        """What a failed first try may have been."""
        ...

    def mistakes(self) -> Sequence[Answer]: ...


class World(Protocol):
    """A task in miniature."""

    @property
    def name(self) -> str: ...

    @property
    def data_source(self) -> str: ...

    def problem(self, rng: random.Random, *, held_out: bool) -> Problem:
        """One drawn at random. What is held out never occurs in training."""
        ...

    def hint(self, problem: Problem, attempt: Answer) -> Reflection:
        """A reflection on how the attempt failed that narrows the retry down, without a plan."""
        ...

    def plan(self, plan: Answer) -> Reflection:
        """A reflection that says the whole answer, right or wrong."""
        ...

    def texts(self) -> Sequence[str]:
        """Texts in which every word of this world occurs."""
        ...


def passed(world: World, problem: Problem, text: str) -> bool:
    """The package's own verdict on a response."""
    return compute_score(world.data_source, text, problem.ground_truth)["score"] == 1.0


def drawn(world: World, rng: random.Random, *, held_out: bool) -> Iterator[Problem]:
    """Problems without end."""
    while True:
        yield world.problem(rng, held_out=held_out)
