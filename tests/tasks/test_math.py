"""The MATH verifier: equal in every shape of the data set, different where it differs, and the public schemas."""

import re

import pytest
from builders import compose_config
from maths_answers import SHAPES, Shape

from verl_reflect.tasks.math import Math, boxed
from verl_reflect.tasks.maths import grader
from verl_reflect.tasks.registry import task_for

TASK = Math()


def category(answer: str, gold: str) -> str:
    return TASK.judge(rf"So it is $\boxed{{{answer}}}$.", gold).category


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.gold)
def test_answers_that_mean_the_same_pass_and_others_fail(shape: Shape) -> None:
    assert [answer for answer in (shape.gold, *shape.same) if category(answer, shape.gold) != "none"] == []
    assert [answer for answer in shape.other if category(answer, shape.gold) == "none"] == []


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("0=0", "5"),
        ("x=x", "y=2x+3"),
        ("0=0", "x=5"),
        (r"\frac{0}{0}", "5"),
        ("x", "5"),
        ("x > 4", "5"),
        (r"5 \neq 5", "5"),
        (r"\text{5}1", "1"),
        (r"1000000.0000001", "1000000"),
        (r"\{1,2,3,4,5,6,7,8,9\}", "5"),
        (r"[1,9]", "5"),
        (r"\mathbb{R}", "5"),
        (r"\text{any number}", "5"),
    ],
)
def test_an_answer_that_says_nothing_or_everything_fails(answer: str, gold: str) -> None:
    assert category(answer, gold) == "wrong_answer"


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (r"<answer>\frac12</answer>", "none"),
        (r"<answer>\boxed{\frac12}</answer>", "none"),
        (r"\boxed{2} no: \boxed{\frac12}", "none"),
        (r"\boxed{\frac12} no: \boxed{2}", "wrong_answer"),
        (r"\boxed{\frac12} no: \boxed{2", "format"),
        (r"\boxed{}", "format"),
        (r"\frac12", "format"),
        ("#### 0.5", "format"),
        ("", "format"),
    ],
)
def test_the_answer_that_opens_last_counts(response: str, expected: str) -> None:
    verdict = TASK.judge(response, r"\frac{1}{2}")
    assert (verdict.category, verdict.score) == (expected, float(expected == "none"))


def test_the_same_spelling_never_goes_to_math_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grader.GRADER, "same", lambda *texts: pytest.fail("asked"))
    assert category(r" \dfrac{1}{2} ", r"\frac{1}{2}") == "none"
    assert category("9^{9^{9}}", "9^{9^{9}}") == "none"


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        (r"Thus $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        (r"$\boxed{\left\{\frac{a_{1}}{b^{2}}\right\}}$", r"\left\{\frac{a_{1}}{b^{2}}\right\}"),
        (r"First $\boxed{1}$, then $\boxed{2}$.", "2"),
        (r"Thus $\boxed 5$.", "5"),
        (r"Thus \boxed 12.", "12"),
        (r"$\fbox{7}$", "7"),
        (r"$\boxed {3}$", "3"),
        ("No box.", None),
        (r"\boxed{1", None),
    ],
)
def test_the_gold_answer_of_a_solution(solution: str, answer: str | None) -> None:
    assert boxed(solution) == answer


def test_public_records_become_items_that_pass_and_whose_corruptions_fail() -> None:
    math = {"problem": "Half of 1?", "level": "Level 1", "type": "Algebra", "solution": r"It is $\boxed{\frac12}$."}
    math_500 = {"problem": "A point?", "solution": "Left out.", "answer": r"\left( 3, \frac{\pi}{2} \right)"}
    math_500 |= {"subject": "Precalculus", "level": 2, "unique_id": "test/precalculus/807.json"}
    items = [TASK.item(math), TASK.item(math_500)]
    assert [item.ground_truth for item in items] == [r"\frac12", math_500["answer"]]
    assert items[0].facts == {"level": "Level 1", "type": "Algebra"}
    assert items[1].facts == {"level": 2, "subject": "Precalculus", "unique_id": "test/precalculus/807.json"}
    items += [TASK.item({"problem": "?", "answer": shape.gold}) for shape in SHAPES]
    assert list(TASK.validate(items)) == []


@pytest.mark.parametrize(
    ("record", "fault"),
    [
        (None, "the text 'problem'"),
        ({"solution": r"\boxed{1}"}, "the text 'problem'"),
        ({"problem": "?", "solution": "no box"}, "a MATH ground truth is LaTeX"),
        ({"problem": "?"}, "a MATH ground truth is LaTeX"),
        ({"problem": "?", "answer": 5}, "a MATH ground truth is LaTeX"),
        ({"problem": "?", "answer": "1" * 513}, "of up to 512 characters"),
    ],
)
def test_a_malformed_record_is_refused(record: object, fault: str) -> None:
    with pytest.raises(ValueError, match=re.escape(fault)):
        TASK.item(record)


@pytest.mark.parametrize("truth", [None, 5, "", " ", ["1"]])
def test_a_malformed_ground_truth_is_an_error_of_the_data(truth: object) -> None:
    with pytest.raises(ValueError, match="a MATH ground truth is LaTeX"):
        TASK.judge(r"\boxed{1}", truth)


def test_rows_made_for_verl_are_judged_too() -> None:
    for name in ("HuggingFaceH4/MATH-500", "DigitalLearningGmbH/MATH-lighteval", "math", "math/level 5"):
        assert isinstance(task_for(name), Math)


@pytest.mark.parametrize("task", ["gsm8k", "math"])
def test_the_configuration_composes_after_the_recipe_and_leaves_room_for_a_solution(task: str) -> None:
    config = compose_config("+recipe=reflect_grpo", f"+task={task}")
    assert config.reflect.max_attempt_tokens == config.reflect.max_retry_tokens >= 1024
    assert config.data.train_files == f"data/{task}/train.parquet"
    reflect, data = config.reflect, config.data
    turns = reflect.max_attempt_tokens + reflect.max_reflection_tokens + reflect.max_retry_tokens
    assert config.actor_rollout_ref.rollout.max_model_len >= turns + 2 * data.max_prompt_length
