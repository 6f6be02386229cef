"""Solutions are written in one way, and what is not solved stays as it is; so do points, under whatever name."""

import pytest

from verl_reflect.tasks.maths.points import is_point, point
from verl_reflect.tasks.maths.solutions import Solutions, solutions


@pytest.mark.parametrize(
    ("text", "intervals", "name"),
    [
        (r"x \in [1,4)", "[1,4)", "x"),
        (r"1 \le x < 4", "[1,4)", "x"),
        (r"4 > x \geq 1", "[1,4)", "x"),
        (r"\{x \mid 1 \leqslant x < 4\}", "[1,4)", "x"),
        (r"\{ t \in \mathbb{R} : 1 \le t < 4 \}", "[1,4)", "t"),
        ("x < 4", r"(-\infty,4)", "x"),
        ("4 > x", r"(-\infty,4)", "x"),
        (r"x \ge \frac{1}{2}", r"[\frac{1}{2},\infty)", "x"),
        (r"x<1 or x\ge 4", r"(-\infty,1) \cup [4,\infty)", "x"),
        (r"x<1 \lor x>4", r"(-\infty,1) \cup (4,\infty)", "x"),
        ("x>1 and x<4", "(1,4)", "x"),
        (r"x \ne 1", r"(-\infty,1) \cup (1,\infty)", "x"),
        ("]1,4[", "(1,4)", None),
        ("[1,4[", "[1,4)", None),
        (r"(-\infty,1] or [4,\infty)", r"(-\infty,1] \cup [4,\infty)", None),
        (r"all x \in \mathbb{R}", r"\mathbb{R}", "x"),
        (r"\varnothing", r"\emptyset", None),
        (r"\{\}", r"\emptyset", None),
        ("(1,4) or (4,1)", "(1,4) or (4,1)", None),
        (r"\{x \mid x=1\}", r"\{x \mid x=1\}", None),
    ],
)
def test_solved(text: str, intervals: str, name: str | None) -> None:
    assert solutions(text) == Solutions(intervals, name) and solutions(text).are_solved


@pytest.mark.parametrize("text", ["2x < 8", "x^2 < 4", "x < y", "x < 1 or y > 2", "x+y<3", "1 < x > 0", "x<1 and x<2"])
def test_not_solved(text: str) -> None:
    assert solutions(text) == Solutions(text) and not solutions(text).are_solved


@pytest.mark.parametrize(
    ("text", "like"),
    [
        ("(x,y)=(3,4)", "(3,4)"),
        ("P(3,4)", "(3,4)"),
        ("P = (3,4)", "(3,4)"),
        (r"\langle 3,4\rangle", "(3,4)"),
        (r"\begin{pmatrix}3\\4\end{pmatrix}", "(3,4)"),
        ("x=3, y=4", "(3,4)"),
        ("y=4 and x=3", "(3,4)"),
        ("q=4, p=3", "(p,q)=(3,4)"),
        ("p=4, q=3", "(q,p)=(3,4)"),
    ],
)
def test_points(text: str, like: str) -> None:
    assert point(text, like) == "(3,4)" and is_point(like)
