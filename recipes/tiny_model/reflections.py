"""What the tiny model's reflections say, and what each of them commits the retry to.

A reflection is a sentence together with the answers it allows. Some say nothing useful, some name the direction of the
error or the last step, and the strong ones give the whole plan; a hint may be right or misleading. All of them come
from the templates below, nothing else is ever taught.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from verl_reflect.demo.problems import LARGEST_NUMBER, Expression

REFLECTION_REQUEST = "You got it wrong . Reflect on what went wrong ."

VAGUE = (
    "I was careless and should check my work .",
    "I made a mistake and need another idea .",
    "I went too fast so I will think again .",
)
TOO_SMALL = "My result was too small so I need a bigger one ."
TOO_BIG = "My result was too big so I need a smaller one ."
_WORD = {"+": "plus", "-": "minus", "*": "times"}
_VERB = {"+": "add", "-": "subtract"}


@dataclass(frozen=True)
class Reflection:
    """A sentence, and which answers follow it."""

    sentence: str
    allows: Callable[[Any], bool]
    """Of an answer to the problem: an Expression here, a call in the miniature's other world."""


def vague(rng: random.Random) -> Reflection:
    """Says nothing about the problem, allows any answer."""
    return Reflection(rng.choice(VAGUE), lambda retry: True)


def direction(attempt: Expression, target: int) -> Reflection:
    """Says, truly, on which side of the target the attempt fell."""
    if attempt.value < target:
        return Reflection(TOO_SMALL, lambda retry: retry.value > attempt.value)
    return Reflection(TOO_BIG, lambda retry: retry.value < attempt.value)


def last_step(plan: Expression) -> Reflection:
    """Gives away the plan's last number and what to do with it."""
    end = (plan.last_operator, plan.c)
    sentence = f"At the end I should {_VERB[plan.last_operator]} {plan.c} ."
    return Reflection(sentence, lambda retry: (retry.last_operator, retry.c) == end)


def strong(plan: Expression) -> Reflection:
    """Gives away the whole plan."""
    step = f"{plan.a} {_WORD[plan.operator]} {plan.b}"
    sentence = f"First I will compute {step} and then {_VERB[plan.last_operator]} {plan.c} ."
    return Reflection(sentence, lambda retry: retry == plan)


def every_sentence() -> list[str]:
    """One example of each template, and so every word that a reflection can contain, numbers aside."""
    plans = [Expression(LARGEST_NUMBER, operator, 1, "+-"[operator == "-"], 1) for operator in "+-*"]
    return [*VAGUE, TOO_SMALL, TOO_BIG, *(hint(plan).sentence for plan in plans for hint in (last_step, strong))]
