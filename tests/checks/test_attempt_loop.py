"""The loop that makes attempts is known, and has tools that it can call."""

from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from verl_reflect.checks.attempt_loop import check_attempt_loop
from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.demo.data import CHECKPOINT
from verl_reflect.finding import Doubt


@pytest.fixture
def check(recipe_config: Callable[..., DictConfig]) -> Callable[..., str]:
    model = f"actor_rollout_ref.model.path={CHECKPOINT}"
    return lambda *changes: check_attempt_loop(Run(recipe_config(model, "reflect.first_attempt=live", *changes)))


def test_without_one_an_attempt_is_one_answer(check: Callable[..., str]) -> None:
    assert check() == "an attempt is one answer"


def test_verls_tool_loop_names_its_tools(check: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "tools.py").touch()
    key = "actor_rollout_ref.rollout.multi_turn.function_tool_path"
    said = check("reflect.attempt_loop=tool_agent", f"{key}={tmp_path}/tools.py")
    assert said == f"tool_agent makes the attempts, with the tools of {tmp_path}/tools.py"
    without = check("reflect.attempt_loop=tool_agent")
    assert isinstance(without, Doubt) and "there are no tools" in without
    with pytest.raises(UnfitError, match=rf"function_tool_path: there is no file {tmp_path}/nothing\.py"):
        check("reflect.attempt_loop=tool_agent", f"{key}={tmp_path}/nothing.py")


def test_a_format_of_calls_that_verl_cannot_read_is_refused(check: Callable[..., str]) -> None:
    with pytest.raises(UnfitError, match=r"multi_turn\.format=herms cannot read this model's calls"):
        check("reflect.attempt_loop=tool_agent", "actor_rollout_ref.rollout.multi_turn.format=herms")


def test_ones_own_loop_is_found_in_its_file(check: Callable[..., str], tmp_path: Path) -> None:
    loops = tmp_path / "loops.yaml"
    loops.write_text("- name: lock\n  _target_: locks.Lock\n")
    key = "actor_rollout_ref.rollout.agent.agent_loop_config_path"
    assert check("reflect.attempt_loop=lock", f"{key}={loops}") == "lock makes the attempts"


@pytest.mark.parametrize("name", ["tool_agnet", "reflect_retry"])
def test_no_other_is(name: str, check: Callable[..., str]) -> None:
    with pytest.raises(UnfitError, match=f"reflect.attempt_loop is {name}, and there is no such agent loop to make"):
        check(f"reflect.attempt_loop={name}")


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ("reflect.first_attempt=dataset", "first_attempt=live"),
        ("reflect.first_attempt=mixed", "first_attempt=live"),
        ("reflect.credit=reflection+retry", "credit=reflection"),
        ("reflect.keep=[retry]", "keep="),
    ],
)
def test_what_needs_an_attempt_of_one_answer_is_refused(change: str, wanted: str, check: Callable[..., str]) -> None:
    with pytest.raises(UnfitError, match=f"makes attempts of many turns, which goes with reflect.{wanted}"):
        check("reflect.attempt_loop=tool_agent", change)
