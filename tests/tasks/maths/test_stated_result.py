"""An equation states its result where what it is of comes to it, or is a name."""

from fractions import Fraction

import pytest

from verl_reflect.tasks.maths.stated_result import has_names, sides, stated_number

TRUE_SUMS = {("7", "3+4"), ("7", "3 + 4"), ("24", "4!"), ("7", r"\sqrt{49}")}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("3+4=7", 7),
        ("7=3+4", 7),
        ("4!=24", 24),
        (r"\sqrt{49}=7", 7),
        ("P(A)=7", 7),
        (r"\cos\theta = \frac{1}{2}", Fraction(1, 2)),
        (r"S = \frac{n(n+1)}{2} = 7", 7),
        ("x = 3+4 = 7 apples", 7),
        ("a_{10}=7", 7),
        (r"\frac{14}{2} = 7", 7),
        ("3+5=7", None),
        ("7=8", None),
        ("x=7=y=8", None),
        ("3+4", None),
        ("x=3+4", None),
        (r"x \ne y = 7", None),
        ("x>3, y=7", None),
        ("x=7 or y=7", None),
        ("not x=7", None),
        (r"\frac{14}{2}=\frac{21}{3}", None),
        ("7", None),
        ("=7", None),
        ("x=" * 20 + "7", None),
    ],
)
def test_the_number_that_is_stated(text: str, number: int | None) -> None:
    assert stated_number(text, lambda result, work: (result, work.strip()) in TRUE_SUMS) == number


def test_sides_and_names() -> None:
    assert sides(r"x \le 5") == [r"x \le 5"] and sides("x!=5") == ["x!=5"] and sides("5!=120") == ["5!", "120"]
    assert has_names("x") and has_names(r"\angle A") and has_names(r"\theta")
    assert not has_names(r"\sqrt{2}+\log_2 8") and not has_names("gcd(84,36)")
