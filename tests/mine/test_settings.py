"""The choices of a mining."""

from typing import Any

import pytest

from verl_reflect.mine.settings import MineSettings


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"samples": 0}, "samples is 0; it must be at least 1."),
        ({"tries": 0}, "tries is 0; it must be at least 1."),
        ({"samples": 2, "keep": 3}, "2 samples cannot have so many failures"),
        ({"keep": 3, "stop_after": 2}, "stop_after is 2, too few to keep 3 failures"),
        ({"min_pass_rate": 0.5, "max_pass_rate": 0.25}, "must be in order and between 0 and 1"),
        ({"max_pass_rate": 25.0}, "must be in order and between 0 and 1"),
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        MineSettings(**wrong)
