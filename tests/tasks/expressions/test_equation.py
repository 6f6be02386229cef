"""Equations and chains: which side counts its numbers, what the links may hold, and what is refused."""

from fractions import Fraction

import pytest

from verl_reflect.tasks.expressions.arithmetic import NotArithmetic
from verl_reflect.tasks.expressions.equation import read_equation


@pytest.mark.parametrize(
    ("text", "numbers", "links"),
    [
        ("4*6", [4, 6], []),
        ("4*6 = 24", [4, 6], [24]),
        ("24 = 4*6", [4, 6], [24]),
        ("4*6 = 12+12 = 24", [4, 6], [24, 24]),
        ("24 = 24 = 4*6", [4, 6], [24, 24]),
        ("12+12 = 4*6", [12, 12], [24]),
        ("24", [24], []),
        ("24 = 25", [24], [25]),
        ("4-6 = -2", [4, 6], [-2]),
        ("4-6 = (-2)", [4, 6], [-2]),
        ("4/6*3 = 4 * 0.5 = 2.00", [4, 6, 3], [2, 2]),
        ("4-6+9 = -2+9 = 7", [4, 6, 9], [7, 7]),
        ("4-6*3 = 4+-18", [4, 6, 3], [-14]),
        ("4/6 = 1/(2-2)", [4, 6], [None]),
        (r"{4*6} = {24}", [4, 6], [24]),
        (r"{4 \over 6} = \frac23", [4, 6], [Fraction(2, 3)]),
        ("4*600 = 2,400", [4, 600], [2400]),
        ("4*6 = 24.", [4, 6], [24]),
        ("4*6。", [4, 6], []),
        (r"\text{4*6 = 24}", [4, 6], [24]),
    ],
)
def test_reads_an_equation(text: str, numbers: list[int], links: list[int | None]) -> None:
    equation = read_equation(text)
    assert (equation.numbers, [*equation.links]) == (numbers, links)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        "4*6 =",
        "= 4*6",
        "4*6 == 24",
        "4*6 = 24 or 25",
        "4*6 = 24, 25",
        "4*6 = 2 4",
        "4*6 = x",
        "4*6 = --24",
        "4*6 = +24",
        "4*6 = 24..",
        "4*6 = 2.4.0",
        "4*6 = 24%",
        "4*6 ≈ 24",
        "4.0*6",
        "-4*6",
        "4(6)",
        "{4+6}*2",
        "{4+6",
        "(4+6]",
        r"\{4+6)",
        r"4 \over",
        r"\over 4",
        "4*6\n4*6",
        "[4, 6]",
        "4:6",
        "4^6",
        "4**6",
    ],
)
def test_what_is_no_equation(text: str) -> None:
    with pytest.raises(NotArithmetic):
        read_equation(text)


def test_every_link_must_hold() -> None:
    assert read_equation("4*6 = 12+12 = 24").equals(24)
    assert not read_equation("4*6 = 12+13 = 24").equals(24)
    assert not read_equation("4*6 = 24").equals(25)
    assert not read_equation("4/(6-6)").equals(0)
    assert not read_equation("4*6 = 24/(1-1)").equals(24)


@pytest.mark.parametrize("text", ["{" * 250 + "4" + "}" * 250, "-" * 500 + "4", "(" * 256, r"{4\over" * 60])
def test_what_is_nested_too_deep_is_refused(text: str) -> None:
    with pytest.raises(NotArithmetic):
        read_equation(text)


def test_long_chains_and_sums_are_read() -> None:
    assert read_equation("4=" * 250 + "4").equals(4)
    assert read_equation("4" + "-4" * 250).equals(4 - 4 * 250)
