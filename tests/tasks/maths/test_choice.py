"""A choice is named by its letter, and by one letter only."""

import pytest

from verl_reflect.tasks.maths.choice import choice


@pytest.mark.parametrize(
    "text", ["D", "(D)", "D)", "D) 17", "D. 17 pears", "(D) 17", "Option D", "The answer is (D)", "Answer: D"]
)
def test_named(text: str) -> None:
    assert choice(text) == "D"


@pytest.mark.parametrize(
    "text", ["", "DD", "17", "D or E", "(D) or (E)", "D) 17, E) 18", "(D", "D 17", "not D", "D) not this"]
)
def test_none_or_several(text: str) -> None:
    assert choice(text) is None
