"""The text of the warm start: short answers, and conversations with a failed attempt, a reflection and a retry.

Every conversation is a list of turns whose tokens are the ones verl builds with the chat template. The failed attempt
is never trained on: the model should learn to read mistakes, not to make them.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from transformers import PreTrainedTokenizerFast

from recipes.tiny_model.reflections import REFLECTION_REQUEST, Reflection, direction, last_step, strong, vague
from recipes.tiny_model.tokenizer import TURN_END, TURN_START
from verl_reflect.demo.problems import Expression, Problem, mistakes, solutions

AnyAnswer = TypeVar("AnyAnswer")

IGNORED = -100  # the label that torch's cross entropy leaves out


@dataclass(frozen=True)
class Exchange:
    """What the user says, what the assistant answers, and whether the answer is trained on."""

    user: str
    assistant: str
    trained: bool = True


@dataclass(frozen=True)
class Mixture:
    """Which conversations are drawn, and how often they are right."""

    short: float  # share of batches that are only problems and their answers
    blind: float  # share of the conversations in which the retry follows the attempt without a reflection
    answers_right: float  # how often an answer is right that is free to be
    hints_right: float  # how often a hint points at a solution
    kinds: tuple[float, float, float, float]  # weights of vague, direction, last-step and strong reflections


def short_answer(problem: Problem, mixture: Mixture, rng: random.Random) -> list[Exchange]:
    return [Exchange(problem.text, _answer(problem, mixture.answers_right, rng).text)]


def conversation(problem: Problem, mixture: Mixture, rng: random.Random) -> list[Exchange]:
    """A failed attempt and a retry, mostly with a reflection in between."""
    attempt = rng.choice(mistakes(problem))
    first = Exchange(problem.text, attempt.text, trained=False)
    if rng.random() < mixture.blind:
        return [first, Exchange(problem.text, _answer(problem, mixture.answers_right, rng).text)]
    reflection = _reflection(problem, attempt, mixture, rng)
    retry = follow(reflection, solutions(problem), mistakes(problem), mixture.answers_right, rng)
    return [first, Exchange(REFLECTION_REQUEST, reflection.sentence), Exchange(problem.text, retry.text)]


def follow(
    reflection: Reflection,
    solutions: Sequence[AnyAnswer],
    mistakes: Sequence[AnyAnswer],
    right: float,
    rng: random.Random,
) -> AnyAnswer:
    """A retry that the reflection allows; among those, a solution with probability `right`, if there is a choice."""
    allowed_solutions = [answer for answer in solutions if reflection.allows(answer)]
    allowed_mistakes = [answer for answer in mistakes if reflection.allows(answer)]
    if allowed_solutions and (rng.random() < right or not allowed_mistakes):
        return rng.choice(allowed_solutions)
    return rng.choice(allowed_mistakes)


def encode(turns: Sequence[Exchange], tokenizer: PreTrainedTokenizerFast) -> tuple[list[int], list[int]]:
    """(token ids, labels): the labels are the ids of the answers that are trained on, and IGNORED elsewhere."""
    texts = [text for turn in turns for text in (_question(turn.user), f"{turn.assistant}{TURN_END}\n")]
    ids, labels = [], []
    for index, piece in enumerate(tokenizer(texts, add_special_tokens=False)["input_ids"]):
        trained = index % 2 == 1 and turns[index // 2].trained
        ids += piece
        # The line end after an answer is the template's: generation stops at the marker before it.
        labels += [*piece[:-1], IGNORED] if trained else [IGNORED] * len(piece)
    return ids, labels


def encode_question(turns: Sequence[Exchange], user: str, tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """The prompt that asks the model to go on after these turns and what the user says next."""
    asked: list[int] = tokenizer.encode(_question(user), add_special_tokens=False)
    return encode(turns, tokenizer)[0] + asked if turns else asked


def _question(user: str) -> str:
    return f"{TURN_START}user\n{user}{TURN_END}\n{TURN_START}assistant\n"


def _answer(problem: Problem, right: float, rng: random.Random) -> Expression:
    return rng.choice(solutions(problem) if rng.random() < right else mistakes(problem))


def _reflection(problem: Problem, attempt: Expression, mixture: Mixture, rng: random.Random) -> Reflection:
    """One of the four kinds. The plan behind a hint may be any answer, the attempt itself included."""
    kind = rng.choices(("vague", "direction", "last step", "strong"), weights=mixture.kinds)[0]
    if kind == "vague":
        return vague(rng)
    if kind == "direction":
        return direction(attempt, problem.target)
    plan = _answer(problem, mixture.hints_right, rng)
    return strong(plan) if kind == "strong" else last_step(plan)
