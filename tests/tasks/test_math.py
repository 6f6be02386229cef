"""The MATH verifier: equal in every shape of the data set, different where it differs, and the public schemas."""

import re
from fractions import Fraction

import pytest
from builders import compose_config
from hypothesis import given, settings
from hypothesis import strategies as st
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
        (r"So it is $\boxed{1}$ or $\boxed{2}$.", "1, 2"),
        (r"$p = \boxed{1}$ and $q = \boxed{2}$", "1, 2"),
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


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (r"<think>\boxed{\frac12}", "format"),
        (r"<think>\boxed{\frac12}</think> So it is.", "format"),
        (r"<think>\boxed{\frac12}</think> \boxed{2}", "wrong_answer"),
        (r"<think>\boxed{2}</think> \boxed{\frac12}", "none"),
        (r"\fbox{\frac12}", "none"),
        (r"\boxed{\frac12} or \boxed{2}", "wrong_answer"),
    ],
)
def test_what_stands_after_the_thought_and_in_all_joined_boxes_counts(response: str, expected: str) -> None:
    assert TASK.judge(response, r"\frac{1}{2}").category == expected


@pytest.mark.parametrize(
    ("gold", "restated", "stated"),
    [
        ("84", r"\binom{9}{3}", r"\binom{9}{3} = 84"),
        ("84", "{9 \\choose 3}", r"C(9,3) = 84"),
        ("437", r"19 \cdot 23", r"19 \cdot 23 = 437"),
        ("5", r"\log_2 32", r"\log_2 32 = 5"),
        ("15", r"\gcd(30,45)", r"\text{gcd}(30,45) = 15"),
        ("21", r"\sum_{k=1}^{6} k", r"\sum_{k=1}^{6} k = 21"),
        ("5", "2+3", "2+3=5"),
        ("5", "2+3", "5=2+3"),
        ("1", r"\sin 90^\circ", r"\sin 90^\circ = 1"),
        ("120", "5!", "5! = 120"),
        (r"\frac{2}{3}", r"\frac{10}{15}", r"P(A) = \frac{10}{15} = \frac23"),
        (r"\frac{2}{3}", r"1 - \frac13", r"1 - \frac13 = \frac23"),
        (r"4\sqrt{3}", r"\sqrt{48}", r"\sqrt{48} = 4\sqrt3"),
        ("(x+3)(x-5)", "x^2-2x-15", "x^2-2x-15 = (x-5)(x+3)"),
        ("x^2-2x-15", "(x+3)(x-5)", "f(x) = x^2-2x-15"),
        ("x=7", "2x+1=15", "x = 7"),
        ("7", "2x+1=15", "x = 7"),
        ("x > 3", "2x > 6", "3 < x"),
        ("(1,4)", "x^2-5x+4<0", "1<x<4"),
        (r"-2, 7", "x^2-5x-14=0", r"x=-2 \text{ or } x=7"),
        ("(3,4)", "(1+2,4)", "P(3,4)"),
        (r"16\pi", r"4^2\pi", r"A = 4^2\pi = 16\pi \text{ cm}^2"),
    ],
)
def test_the_question_restated_fails_and_a_result_that_is_stated_passes(gold: str, restated: str, stated: str) -> None:
    assert (category(restated, gold), category(stated, gold)) == ("wrong_answer", "none")


@pytest.mark.parametrize(
    ("gold", "answers"),
    [
        ("[-3,8)", (r"x \in [-3,8)", r"-3 \le t < 8", r"\{x \mid -3\le x<8\}", "[-3,8[", "8>x≥-3")),
        (r"(-\infty,1)\cup(6,\infty)", (r"x<1 \text{ or } x>6", r"x\in(-\infty,1)\cup(6,+\infty)", r"x<1\lor x>6")),
        (r"x<1 \text{ or } x>6", (r"(-\infty,1)\cup(6,\infty)", r"(6,\infty) \text{ or } (-\infty,1)")),
        (r"\mathbb{R}", (r"x \in \mathbb{R}", "\N{DOUBLE-STRUCK CAPITAL R}", r"(-\infty,\infty)")),
        (r"\varnothing", (r"\emptyset", "∅", r"\{\}")),
        (
            "(3,8)",
            (
                "(x,y)=(3,8)",
                "B(3,8)",
                r"\langle 3,8\rangle",
                "x=3, y=8",
                "\N{FULLWIDTH LEFT PARENTHESIS}3\N{FULLWIDTH COMMA}8)",
                "y=8, x=3",
            ),
        ),
        ("(a,b)=(3,8)", ("(3,8)", "b=8, a=3")),
        (r"\begin{pmatrix}3\\8\end{pmatrix}", ("(3,8)",)),
        (r"\sqrt{7}", ("√7", "√(7)", "sqrt(7)")),
        (r"5\sqrt{7}", ("5√7", "5sqrt7")),
        (r"\frac{3}{4}", ("¾", "3\N{FRACTION SLASH}4", "^3/_4", r"\frac{3}{4} \approx 0.75")),
        ("-x^3", ("−x³", "-x^{3}")),
        (r"\infty", ("∞", r"+\infty")),
        (r"3\pi", ("3π", "3pi", "３π")),
        (r"2\pi r", (r"2πr", r"C = 2\pi r")),
        ("38", (r"38 \text{ units}", "38°", r"38^\circ C", "٣٨", r"\{38\}", r"\textcolor{red}{38}", "38.0", r"{38}")),
        ("2500000", ("2.5 million", "2.5M", "2,500,000", r"2.5 \times 10^6")),
        ("10:30", (r"10:30 \text{ p.m.}",)),
        (r"\text{(D)}", ("D) 38", r"\text{Option D}", "(D)", "d")),
        ("f(x)=x+4", ("x+4", "f(x) = 4+x")),
        ("seven", ("Seven", r"\text{seven}")),
    ],
)
def test_other_ways_to_write_it(gold: str, answers: tuple[str, ...]) -> None:
    assert [answer for answer in answers if category(answer, gold) != "none"] == []


@pytest.mark.parametrize(
    ("gold", "answers"),
    [
        (
            "38",
            (r"38\text{ or }39", r"38\text{, maybe 39}", "38'", "38_{39}", r"38\ldots", r"38 \text{ is wrong}", "38x"),
        ),
        ("38", (r"\frac{38x}{x}", "x+38-x", r"\lim_{x\to38}x", "38,38", "38=39", "38=38", "38t", "38ab", r"x \ge 38")),
        (
            "38",
            (r"38 \text{ m or } 39 \text{ m}", r"38\text{ cats and }9\text{ dogs}", r"\text{not } x=38", "38 million"),
        ),
        ("38t", ("38", "38s", "38T", "38 t^2")),
        ("[-3,8)", ("[-3,8]", "-3<x<8", r"x \in [-3,8]", "(-3,8)")),
        ("x<1", ("y<1", r"x\le1", "x>1")),
        ("(a,b)=(3,8)", ("a=8, b=3", "(8,3)")),
        ("D", ("d", "C", "D or E")),
        ("seven", ("seevn", "eight")),
        ("no", ("on",)),
        (r"\frac{1}{18!}", (r"\frac{1}{17!}", "0")),
        ("0.0000004", ("0.0000003", "0")),
        (r"\frac{1}{3}", ("0.33", "0.333")),
    ],
)
def test_what_is_close_and_wrong(gold: str, answers: tuple[str, ...]) -> None:
    assert [answer for answer in answers if category(answer, gold) == "none"] == []


def test_a_reflection_that_boxes_work_gives_away_what_it_comes_to() -> None:
    assert TASK.gives_away(r"It should be \boxed{x^2-2x-15}.", "(x+3)(x-5)", "Factor it.")
    assert TASK.gives_away(r"It should be \boxed{2 \cdot 2\sqrt{3}}.", r"4\sqrt{3}", "How long?")
    assert not TASK.gives_away(r"It cannot be \boxed{x^2-2x}.", "(x+3)(x-5)", "Factor it.")


ROOTS = st.tuples(st.integers(-9, 9), st.integers(-9, 9)).filter(lambda roots: roots[0] != roots[1] and 0 not in roots)


@settings(max_examples=25, deadline=None)
@given(ROOTS)
def test_a_polynomial_is_in_the_form_that_was_asked_for(roots: tuple[int, int]) -> None:
    low, high = roots
    factors = [f"(x{-root:+d})" for root in roots]
    product, expanded = "".join(factors), f"x^2{-(low + high):+d}x{low * high:+d}"
    assert category("".join(reversed(factors)), product) == "none"
    assert {category(product, expanded), category(expanded, product)} == {"wrong_answer"}
    assert {category(f"{expanded}={product}", product), category(f"{product}={expanded}", expanded)} == {"none"}


@settings(max_examples=50, deadline=None)
@given(st.integers(-99, 99), st.integers(2, 99), st.integers(2, 9))
def test_a_fraction_is_in_lowest_terms(top: int, bottom: int, times: int) -> None:
    value = Fraction(top, bottom)
    gold = str(value) if value.denominator == 1 else rf"\frac{{{value.numerator}}}{{{value.denominator}}}"
    reducible = rf"\frac{{{value.numerator * times}}}{{{value.denominator * times}}}"
    assert category(gold, gold) == "none" and category(reducible, gold) == "wrong_answer"
    assert category(f"{reducible} = {gold}", gold) == "none"
