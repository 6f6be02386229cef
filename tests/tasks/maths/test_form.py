"""What an expression leaves to do, told from the tree that math-verify reads; the text tells what it does at once."""

import pytest

from verl_reflect.tasks.maths.form import in_form
from verl_reflect.tasks.maths.grading_process import _read
from verl_reflect.tasks.maths.work_left import leaves_no_more


def fits(gold: str, answer: str) -> bool:
    return in_form(_read(gold)[0], _read(answer)[0])


@pytest.mark.parametrize(
    ("gold", "worked_out", "left_to_do"),
    [
        ("5", "5", ["2+3", "9-4", "|3-8|", r"\log_2 32", r"\lfloor 5.5 \rfloor", r"\max(4,5)", r"\sum_{i=1}^{5} 1"]),
        ("720", "720", ["6!", r"8 \cdot 90", r"\prod_{k=1}^{6} k"]),
        ("64", "64", ["2^6", "4^3", "(2^3)^2"]),
        (r"4\sqrt{3}", r"\sqrt{3} \cdot 4", [r"\sqrt{48}", r"2\sqrt{12}", r"\frac{12}{\sqrt3}", r"2\cdot 2\sqrt{3}"]),
        (r"\sqrt{15}", r"\sqrt{15}", [r"\sqrt3 \cdot \sqrt5"]),
        (r"\sqrt[3]{9}", "9^{1/3}", [r"\sqrt[3]{72}"]),
        (r"\frac{\sqrt{3}}{3}", r"\frac{1}{\sqrt{3}}", [r"\tan \frac{\pi}{6}"]),
        (r"\sqrt{5}-2", r"-2+\sqrt{5}", [r"\frac{1}{\sqrt{5}+2}"]),
        (r"\frac{2\pi}{3}", r"\frac{2}{3}\pi", [r"\frac{4\pi}{6}"]),
        ("7x", r"x \cdot 7", ["3x+4x", r"\frac{7x^2}{x}", r"\frac{14x}{2}"]),
        ("x^7", "x^7", [r"x^3 \cdot x^4"]),
        ("x+3", "3+x", [r"\frac{x^2-9}{x-3}", "x+1+2", "x+3+y-y"]),
        (r"\frac{x}{x+1}", r"\frac{x}{1+x}", [r"\frac{1}{1+\frac{1}{x}}", r"\frac{x^2}{x^2+x}"]),
        ("(x+3)(x-5)", "(x-5)(3+x)", ["x^2-2x-15", "x(x-2)-15"]),
        ("x(x+3)(x-5)", "(x+3)x(x-5)", ["(x^2+3x)(x-5)", "x(x^2-2x-15)"]),
        ("3(x+4)", "(4+x) 3", ["3x+12"]),
        ("x^2-2x-15", "-15-2x+x^2", ["(x+3)(x-5)", "(x-1)^2-16"]),
        ("(x-1)^2-16", "-16+(x-1)^2", ["x^2-2x-15", "(x+3)(x-5)"]),
        (r"\frac{x+3}{4}", r"\frac{1}{4}x+\frac{3}{4}", []),
        ("6-5i", "-5i+6", []),
        ("y=3x+12", "y=12+3x", ["y=3(x+4)"]),
        (r"\{2,5\}", r"\{5,2\}", [r"\{2,2+3\}"]),
    ],
)
def test_an_answer_leaves_no_more_to_do_than_the_gold_one(gold: str, worked_out: str, left_to_do: list[str]) -> None:
    assert fits(gold, worked_out)
    assert [answer for answer in left_to_do if fits(gold, answer)] == []


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("2^{300}", "4^{150}"),
        ("6!", "720"),
        (r"\log_2 5", r"\frac{\ln 5}{\ln 2}"),
        (r"2\cos\frac{\pi}{9}", r"2\sin\frac{7\pi}{18}"),
        (r"2.5 \times 10^{-3}", "0.0025"),
        (r"\sin 2x", r"2 \sin x \cos x"),
    ],
)
def test_what_the_gold_answer_leaves_may_be_left(gold: str, answer: str) -> None:
    assert fits(gold, answer)


def test_what_math_verify_does_at_once_is_told_from_the_text() -> None:
    for answer in (r"\binom{6}{2}", r"\gcd(30,45)", r"\frac{30}{2}", "30/2", "15/1", r"{6 \choose 2}"):
        assert not leaves_no_more("15", answer)
        assert leaves_no_more(answer, answer)
    assert leaves_no_more("15", r"\frac{3}{4}") and leaves_no_more("15", r"x_{2}/3")
