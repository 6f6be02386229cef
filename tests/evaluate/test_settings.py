"""The choices of an evaluation."""

from typing import Any

import pytest

from verl_reflect.evaluate.settings import EvalSettings


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"samples": 0}, "samples is 0; it must be at least 1"),
        ({"conditions": ("reflekt",)}, "reflekt is no condition; choose from reflect, blind"),
        ({"conditions": ("blind", "blind")}, "name one twice"),
        ({"conditions": ("swapped",)}, "add that one"),
        ({"greedy": True, "samples": 2}, "greedy answers are all the same"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        EvalSettings(**settings)
