# ruff: noqa: RUF001  (signs that look alike are what is read here)
"""A solution in running text is found in the spellings in which it would pass as an answer."""

import pytest

from verl_reflect.tasks.countdown import Countdown

GIVES_AWAY = Countdown().gives_away
PUZZLE = {"target": 29, "numbers": [3, 5, 8]}


@pytest.mark.parametrize(
    "solution",
    [
        "3 * 8 + 5",
        "（3 × 8）＋ 5",
        "[3 · 8] + 5",
        r"\{3 \ast 8\} + 5",
        r"$\left[3\,\cdot\,8\right]+5$",
        r"\bigl(3 ✕ 8\bigr) + 5",
        r"\mathbf{3} \times \text{8} + 5",
        "３∗８＋５",
        "**3 * 8 + 5**",
        "`3 * 8 + 5`",
        "5 + 3\u00a0*\u20098",
    ],
)
def test_a_solution_in_any_spelling_is_found(solution: str) -> None:
    for text in (solution, f"I should have used {solution} here.", rf"Then \boxed{{{solution} = 29}} is right."):
        assert GIVES_AWAY(text, PUZZLE, "")


@pytest.mark.parametrize("fraction", [r"\frac{8}{4}", r"\tfrac84", r"\dfrac 8 4", r"{8 \over 4}", "8÷4", "8∕4"])
def test_a_solution_with_a_fraction_is_found(fraction: str) -> None:
    puzzle = {"target": 5, "numbers": [3, 4, 8]}
    assert GIVES_AWAY(f"It was {fraction} + 3, of course.", puzzle, "")
    assert not GIVES_AWAY(f"It was {fraction} - 3, of course.", puzzle, "")


def test_the_target_alone_gives_nothing_away() -> None:
    assert not GIVES_AWAY("I need 29.", {"target": 29, "numbers": [29, 3, 5], "use": "any"}, "")
