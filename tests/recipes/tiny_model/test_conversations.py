import random

import pytest
from transformers import PreTrainedTokenizerFast

from recipes.tiny_model.conversations import IGNORED, Mixture, conversation, encode, follow, short_answer
from recipes.tiny_model.reflections import (
    REFLECTION_REQUEST,
    TOO_BIG,
    TOO_SMALL,
    direction,
    every_sentence,
    last_step,
    strong,
    vague,
)
from verl_reflect.demo.problems import Expression, Problem, all_problems, expressions, mistakes, solutions
from verl_reflect.reward import compute_score

RIGHT = Mixture(short=0.0, blind=0.2, answers_right=1.0, hints_right=1.0, kinds=(1, 1, 1, 4))
WRONG = Mixture(short=0.0, blind=0.2, answers_right=0.0, hints_right=0.0, kinds=(1, 1, 1, 4))


def problems(count: int) -> list[Problem]:
    rng = random.Random(0)
    return [rng.choice(all_problems()).shuffled(rng) for _ in range(count)]


def passes(text: str, problem: Problem) -> bool:
    truth = {"target": problem.target, "numbers": list(problem.numbers)}
    return compute_score("countdown", text, truth)["score"] == 1.0


@pytest.mark.parametrize("plan", [Expression(8, "*", 3, "+", 5), Expression(8, "-", 3, "-", 5)])
def test_a_strong_hint_allows_its_plan_and_nothing_else(plan: Expression) -> None:
    assert [answer for answer in expressions((3, 5, 8)) if strong(plan).allows(answer)] == [plan]


def test_hints_say_what_they_allow() -> None:
    plan = Expression(8, "*", 3, "-", 5)
    assert strong(plan).sentence == "First I will compute 8 times 3 and then subtract 5 ."
    assert last_step(plan).sentence == "At the end I should subtract 5 ."
    assert all(
        answer.text.endswith("- 5 </answer>") for answer in expressions((3, 5, 8)) if last_step(plan).allows(answer)
    )


def test_the_direction_is_true_and_admits_every_solution() -> None:
    for problem in problems(100):
        attempt = random.Random(0).choice(mistakes(problem))
        hint = direction(attempt, problem.target)
        assert hint.sentence == (TOO_SMALL if attempt.value < problem.target else TOO_BIG)
        assert all(hint.allows(solution) for solution in solutions(problem))
        assert not hint.allows(attempt)


def test_a_retry_follows_any_reflection() -> None:
    rng = random.Random(0)
    for problem in problems(200):
        plan, attempt = rng.choice(expressions(problem.numbers)), rng.choice(mistakes(problem))
        for reflection in (strong(plan), last_step(plan), direction(attempt, problem.target), vague(rng)):
            assert reflection.allows(follow(reflection, solutions(problem), mistakes(problem), rng.random(), rng))


def test_attempts_fail_and_right_conversations_end_well() -> None:
    rng = random.Random(0)
    for problem in problems(200):
        turns = conversation(problem, RIGHT, rng)
        assert not passes(turns[0].assistant, problem) and passes(turns[-1].assistant, problem)
        assert turns[0].user == turns[-1].user == problem.text
        assert [turn.user for turn in turns[1:-1]] in ([], [REFLECTION_REQUEST])


def test_misled_retries_fail() -> None:
    rng = random.Random(0)
    for problem in problems(200):
        assert not passes(short_answer(problem, WRONG, rng)[0].assistant, problem)
        turns = conversation(problem, WRONG, rng)
        if turns[1].assistant.startswith("First"):
            assert not passes(turns[-1].assistant, problem)


def test_only_what_the_model_should_learn_to_say_is_labelled(tokenizer: PreTrainedTokenizerFast) -> None:
    rng = random.Random(0)
    for problem in problems(20):
        turns = conversation(problem, RIGHT, rng)
        ids, labels = encode(turns, tokenizer)
        assert all(label in (IGNORED, token) for token, label in zip(ids, labels, strict=True))
        learned = tokenizer.decode([label for label in labels if label != IGNORED])
        assert learned == "".join(f"{turn.assistant}<|im_end|>" for turn in turns[1:])


def test_examples_cover_the_vocabulary_of_all_reflections() -> None:
    words = {word for sentence in every_sentence() for word in sentence.split()}
    rng = random.Random(0)
    for problem in problems(300):
        for turn in conversation(problem, RIGHT, rng):
            if turn.user == REFLECTION_REQUEST:
                assert {word for word in turn.assistant.split() if not word.isdigit()} <= words
