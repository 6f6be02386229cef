"""The reward function as verl calls it."""

import subprocess
import sys

import pytest

from verl_reflect.reward import compute_score
from verl_reflect.tasks.countdown import Countdown
from verl_reflect.tasks.registry import task_for

TRUTH = {"target": 56, "numbers": [3, 5, 7]}


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (r"\boxed{(3+5)*7}", {"score": 1.0, "category": "none", "detail": ""}),
        (r"\boxed{3+5+7}", {"score": 0.0, "category": "missed_target", "detail": ""}),
        (r"\boxed{8*7}", {"score": 0.0, "category": "wrong_numbers", "detail": ""}),
        ("56", {"score": 0.0, "category": "format", "detail": ""}),
    ],
)
def test_scores_a_response_as_verl_asks(response: str, expected: dict[str, object]) -> None:
    scored = compute_score(
        data_source="countdown",
        solution_str=response,
        ground_truth=TRUTH,
        extra_info={"split": "train"},
        reward_router_address=None,
    )
    assert scored == expected


def test_an_unknown_data_source_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"no task for data_source 'poems', only for .*countdown.*: name your own in"):
        compute_score("poems", "", {})


def test_a_malformed_ground_truth_is_not_the_models_failure() -> None:
    with pytest.raises(ValueError, match="ground truth"):
        compute_score("countdown", "", None)


def test_the_task_of_a_data_source() -> None:
    assert isinstance(task_for("countdown"), Countdown)


def test_importing_the_reward_function_and_its_tasks_loads_nothing_heavy() -> None:
    program = (
        "import sys; from verl_reflect.tasks.registry import wordings; wordings();"
        "import verl_reflect.reward; print(*{name.partition('.')[0] for name in sys.modules})"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"datasets", "math_verify", "numpy", "omegaconf", "pandas", "pyarrow", "sympy", "torch", "verl"} & set(
        loaded
    )
