"""A reward function is called with four arguments by their names, and one that cannot take them is refused."""

from pathlib import Path

import pytest
from checked import good_config, refusal

GIVEN = "data_source, solution_str, ground_truth, extra_info=None"


def said(tmp_path: Path, source: str, *assignments: str) -> str | None:
    (tmp_path / "my_reward.py").write_text(source)
    section = "reward.custom_reward_function"
    named = (f"{section}.path={tmp_path}/my_reward.py", f"{section}.name=compute_score", *assignments)
    return refusal(good_config(tmp_path, *named, "reflect.reflection_prompt=Again"), "reward function")


@pytest.mark.parametrize(
    "source",
    [
        f"def compute_score({GIVEN}): ...",
        f"async def compute_score({GIVEN}): ...",
        "def compute_score(solution_str, ground_truth, **kwargs): ...",
        "def compute_score(**kwargs): ...",
        f"def compute_score({GIVEN}, strict=False): ...",
        f"class Score:\n    def __call__(self, {GIVEN}): ...\ncompute_score = Score()",
        f"import functools\ndef f(strict, {GIVEN}): ...\ncompute_score = functools.partial(f, True)",
        f"class Score:\n    @staticmethod\n    def score({GIVEN}): ...\ncompute_score = Score.score",
    ],
)
def test_whatever_takes_them_passes(tmp_path: Path, source: str) -> None:
    assert said(tmp_path, source) is None


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("def compute_score(solution_str, ground_truth): ...", "takes (solution_str, ground_truth) and is called with"),
        ("def compute_score(): ...", "takes () and is called with the arguments data_source, solution_str"),
        (f"def compute_score(level, {GIVEN}): ...", "missing a required argument: 'level'"),
        ("def compute_score(*args): ...", "got an unexpected keyword argument"),
        ("def compute_score(source, answer, truth, info): ...", "give it those, or **kwargs"),
        ("compute_score = 5", "is 5, and not a function"),
        (f"def compute_score({GIVEN}):\n    yield 1.0", "yields, and a score has to be returned"),
        ("def other(): ...", "cannot be loaded"),
        ("raise SystemExit(0)", "cannot be loaded"),
        ("1 / 0", "cannot be loaded"),
    ],
)
def test_what_does_not_is_refused(tmp_path: Path, source: str, sentence: str) -> None:
    assert sentence in str(said(tmp_path, source))


def test_its_own_arguments_count(tmp_path: Path) -> None:
    kwargs = "reward.custom_reward_function.reward_kwargs.level=3"
    assert said(tmp_path, f"def compute_score(level, {GIVEN}): ...", kwargs) is None
    assert "unexpected keyword argument 'level'" in str(said(tmp_path, f"def compute_score({GIVEN}): ...", kwargs))
