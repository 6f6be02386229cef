# ruff: noqa: RUF001  (signs that look alike are what is read here)
"""Countdown answers in every composition of the spellings that models use: right ones pass, wrong ones never do."""

from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from verl_reflect.tasks.countdown import Countdown

JUDGE = Countdown().judge

OPERATORS = {
    "+": ["+", " + ", "＋", r"\,+\,", r"\mathbin{+}", "~+~"],
    "-": ["-", " - ", "−", "–", "－", "‑", r"\;-\;"],
    "*": ["*", "×", r"\times ", r"\cdot ", r"\ast ", "·", "⋅", "∗", "＊", "✕", " x ", r"\quad\times\quad "],
    "/": ["/", " / ", "÷", r"\div ", "∕", "／"],
}
BRACKETS = ["()", "[]", "（）", r"\left(|\right)", r"\bigl(|\bigr)", r"\left[|\right]", r"\Big (|\Big )", r"\{|\}"]
FRACTIONS = [r"\frac{%s}{%s}", r"\dfrac{%s}{%s}", r"\tfrac{%s}{%s}", r"\cfrac {%s} {%s}", r"{%s \over %s}"]
SHORT_FRACTIONS = [r"\frac%s%s", r"\frac %s %s", r"\frac{%s}%s", r"\tfrac%s{%s}"]
NUMBERS = ["%s", "{%s}", r"\mathbf{%s}", r"\text{%s}", r"\mathrm{%s}"]
DIGITS = [str.maketrans("", ""), str.maketrans("0123456789", "０１２３４５６７８９")]
TOTALS = ["%s", "%s.0", r"\mathbf{%s}", "{%s}", r"\text{%s}", "(%s)", r"\boldsymbol{%s.00}"]
IN_LATEX = ["%s", r"\text{%s}", r"\displaystyle %s", r"\mathrm{%s}", "{%s}", r"%s\\", r"%s \text{ }", "%s.", r"\,%s~"]
AS_MATHS = ["%s", "$%s$", r"\(%s\)", "$$%s$$", "\\[\n%s\n\\]"]
IN_MARKDOWN = ["%s", " %s\r\n", "`%s`", "**%s**", "```\n%s\n```", "```text\n%s\n```", "%s\u200b", "\u00a0%s\u2009"]
CONTAINERS = [r"\boxed{%s}", r"\boxed {%s}", r"\fbox{%s}", "<answer>%s</answer>", "<ANSWER>%s</ANSWER>"]
CONTAINERS += [
    r"<think>or \boxed{1}?</think>\boxed{%s}",
    r"\boxed{%s} My answer is in \boxed{}.",
    "[THINK]<[/THINK]\\boxed{%s}",
]
CONTAINERS += [r"\[\boxed{%s}\]<|im_end|>", "```\n\\boxed{%s}\n```", r"<answer>\boxed{%s}</answer>"]


@dataclass(frozen=True)
class Sum:
    """An expression in plain spelling and in another, with its value and its numbers."""

    text: str
    value: Fraction
    numbers: tuple[int, ...]
    single: bool = False


@st.composite
def sums(draw: st.DrawFn, size: int) -> Sum:
    if size == 1:
        number = draw(st.integers(1, 20))
        digits = str(number).translate(draw(st.sampled_from(DIGITS)))
        return Sum(draw(st.sampled_from(NUMBERS)) % digits, Fraction(number), (number,), single=True)
    cut = draw(st.integers(1, size - 1))
    left, right = draw(sums(cut)), draw(sums(size - cut))
    operator = draw(st.sampled_from("+-*/"))
    assume(operator != "/" or right.value != 0)
    value = {"+": Fraction.__add__, "-": Fraction.__sub__, "*": Fraction.__mul__, "/": Fraction.__truediv__}[operator]
    numbers = left.numbers + right.numbers
    if operator == "/" and draw(st.booleans()):
        return Sum(draw(fractions(left, right)), value(left.value, right.value), numbers, single=True)
    sides = [draw(bracketed(side)) for side in (left, right)]
    return Sum(draw(st.sampled_from(OPERATORS[operator])).join(sides), value(left.value, right.value), numbers)


@st.composite
def fractions(draw: st.DrawFn, left: Sum, right: Sum) -> str:
    plain_digits = all(side.text.isascii() and side.text.isdigit() and len(side.text) == 1 for side in (left, right))
    return draw(st.sampled_from(FRACTIONS + SHORT_FRACTIONS * plain_digits)) % (left.text, right.text)


@st.composite
def bracketed(draw: st.DrawFn, side: Sum) -> str:
    if side.single and draw(st.booleans()):
        return side.text
    pair = draw(st.sampled_from(BRACKETS))
    opening, closing = pair.split("|") if "|" in pair else pair
    return opening + side.text + closing


@st.composite
def links(draw: st.DrawFn, value: int) -> str:
    """Another way to write the value, with numbers that are not given."""
    part = draw(st.integers(1, 9))
    return draw(
        st.sampled_from(
            [f"{value - part} + {part}", rf"{value * 2} \div 2", f"{value + 0.5} - 0.5", f"-{part} + {value + part}"]
        )
    )


@st.composite
def equations(draw: st.DrawFn, expression: str, value: int) -> str:
    total = draw(st.sampled_from(TOTALS)) % value
    sides = draw(st.sampled_from([[expression], [expression, total], [total, expression]]))
    if len(sides) > 1 and draw(st.booleans()):
        sides = [*sides, draw(links(value)), total]
    return draw(st.sampled_from(["=", " = ", "＝", r"\,=\,", "&="])).join(sides)


@st.composite
def responses(draw: st.DrawFn, equation: str) -> str:
    for wrappers in (IN_LATEX, AS_MATHS, IN_MARKDOWN, CONTAINERS):
        equation = draw(st.sampled_from(wrappers)) % equation
    return equation


@settings(max_examples=600, deadline=None)
@given(st.data(), st.integers(2, 4))
def test_a_right_answer_passes_in_any_spelling_and_for_no_other_puzzle(data: st.DataObject, size: int) -> None:
    right = data.draw(sums(size))
    assume(right.value.denominator == 1 and right.value >= 0)
    value = int(right.value)
    response = data.draw(responses(data.draw(equations(right.text, value))))
    truth = {"target": value, "numbers": right.numbers}
    assert JUDGE(response, truth).category == "none"
    assert JUDGE(response, {**truth, "target": value + data.draw(st.integers(1, 5))}).category == "missed_target"
    assert JUDGE(response, {**truth, "numbers": (*right.numbers, 3)}).category == "wrong_numbers"
    assert JUDGE(f"<think>{response}</think>It cannot be done.", truth).score == 0.0
    assert "[/" in response or "</think>" in response or JUDGE(f"<think>{response}", truth).score == 0.0


@settings(max_examples=600, deadline=None)
@given(st.data(), st.integers(2, 4))
def test_a_wrong_answer_fails_in_any_spelling(data: st.DataObject, size: int) -> None:
    """Also one that says it is right, or that is right somewhere in a chain."""
    wrong, other = data.draw(sums(size)), data.draw(sums(2))
    target = data.draw(st.integers(0, 60))
    assume(wrong.value != target and wrong.value.denominator == 1 and wrong.value >= 0)
    stated = data.draw(st.sampled_from([target, int(wrong.value)]))
    equation = data.draw(equations(wrong.text, stated))
    if data.draw(st.booleans()):
        equation = data.draw(
            st.sampled_from([f"{equation} = {target}", f"{target} = {equation}", f"{equation} = {other.text}"])
        )
    response = data.draw(responses(equation))
    assert JUDGE(response, {"target": target, "numbers": wrong.numbers}).score == 0.0


@pytest.mark.parametrize("use", ["all", "any"])
@pytest.mark.parametrize(
    "hedge",
    [
        "{a} or {b}",
        r"{a} \text{{ or }} {b}",
        "{a}, {b}",
        "{a}; {b}",
        "{a}\n{b}",
        r"{a} \\ {b}",
        r"{a} \quad {b}",
        "{a} = 13 = {b}",
        "{a} = {b}",
        "{a} = 26 / 2 = 12",
        "{a} / {b}",
        "{a} ({b})",
        "{a} | {b}",
        r"{a} \neq {b}",
        r"{a} \approx 13",
        "{a} == 13",
        "{a} -> 13",
        "{a} = 13 = 14",
        "{a} = 13 or 14",
        "{a} = 13, 14",
        "{a} = 13 14",
        "{a} = 1 3",
        "{a} = x = 13",
        "{a} =",
        "= {a}",
        "not {a}",
        "{a}!",
        "{a}..",
        r"\sqrt{{{a}}}",
        r"\cancel{{{a}}}",
        "13",
        "13 = 13",
        "13 = 26 / 2",
        "{{{a}}} * 1",
        "-(-{a})",
        "+{a}",
        "<b>{a}</b>",
        "{a} # 13",
        "Solution: {a}",
    ],
)
def test_a_hedge_or_anything_beside_an_equation_fails(hedge: str, use: str) -> None:
    answer = hedge.format(a="(9-5)+9", b="9*9-5")
    truth = {"target": 13, "numbers": [13, 5, 9, 9] if use == "any" else [5, 9, 9], "use": use}
    assert JUDGE(rf"\boxed{{{answer}}}", truth).score == 0.0
    assert JUDGE(f"<answer>{answer}</answer>", truth).score == 0.0
    assert JUDGE(r"\boxed{(9-5)+9}", truth).score == 1.0
