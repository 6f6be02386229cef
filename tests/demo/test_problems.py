import random

from hypothesis import given
from hypothesis import strategies as st

from verl_reflect.demo.problems import Problem, all_problems, expressions, mistakes, solutions, split_problems
from verl_reflect.reward import compute_score

NUMBERS = st.tuples(*[st.integers(1, 12)] * 3)


@given(st.sampled_from(all_problems()), st.randoms(use_true_random=False))
def test_solutions_pass_the_verifier_and_mistakes_do_not(problem: Problem, rng: random.Random) -> None:
    shown = problem.shuffled(rng)
    truth = {"target": shown.target, "numbers": list(shown.numbers)}
    assert solutions(shown)
    assert all(compute_score("countdown", answer.text, truth)["score"] == 1.0 for answer in solutions(shown))
    assert all(compute_score("countdown", answer.text, truth)["score"] == 0.0 for answer in mistakes(shown))


@given(NUMBERS, st.randoms(use_true_random=False))
def test_answers_do_not_depend_on_the_order_of_the_numbers(numbers: tuple[int, ...], rng: random.Random) -> None:
    shuffled = tuple(rng.sample(numbers, 3))
    assert set(expressions(numbers)) == set(expressions(shuffled))
    if len(set(numbers)) == 3:
        assert len(expressions(numbers)) == 18


def test_every_problem_has_mistakes_to_start_from() -> None:
    assert all(mistakes(problem) for problem in all_problems())


def test_the_splits_cover_every_problem_once() -> None:
    training, held_out = split_problems()
    assert not set(training) & set(held_out)
    assert {*training, *held_out} == set(all_problems()) and len(held_out) == 500


def test_problems_name_their_numbers_in_the_order_shown() -> None:
    problem = random.Random(0).choice(all_problems())
    shown = problem.shuffled(random.Random(1))
    assert shown.text == f"Make {shown.target} from {' '.join(str(n) for n in shown.numbers)} ."
    assert sorted(shown.numbers) == sorted(problem.numbers)
