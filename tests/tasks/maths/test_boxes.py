r"""The last box counts, with those that are joined to it; what is written in another way is a box too."""

import pytest

from verl_reflect.tasks.maths.boxes import boxed_answer, one_spelling


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"\boxed{2} and \boxed{3}", "2, 3"),
        (r"$\boxed{2}$ or $\boxed{3}$.", "2, 3"),
        (r"$\boxed{2}$, $\boxed{3}$, and $\boxed{5}$", "2, 3, 5"),
        (r"\boxed{x=2} \text{ and } \boxed{x=3}", "x=2, x=3"),
        (r"$p=\boxed{2}$ and $q=\boxed{3}$", "2, 3"),
        (r"\boxed{2}, so \boxed{3}", "3"),
        (r"\boxed{2}. \boxed{3}", "3"),
        (r"\boxed{2}\boxed{3}", "3"),
        (r"\boxed{\frac{1}{2}} and \boxed{3}", r"\frac{1}{2}, 3"),
        (r"\boxed{2} and \boxed{3", None),
        (r"{2} and \boxed{3}", "3"),
        (r"\fbox{2}", "2"),
        (r"\boxed 2", "2"),
        (r"\boxed{2}, which I put in \boxed{}.", "2"),
        (r"\boxed{}", None),
        ("none", None),
    ],
)
def test_which_boxes_hold_the_answer(text: str, answer: str | None) -> None:
    assert boxed_answer(one_spelling(text)) == answer


def test_many_joined_boxes_take_little_time() -> None:
    assert boxed_answer(r"\boxed{1} and " * 20_000 + r"\boxed{1}") == ", ".join(["1"] * 10)
