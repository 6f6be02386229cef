"""The reward function can be imported, and takes what it is called with."""

import inspect
from typing import Any

from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.rollout.judge import why_unloadable
from verl_reflect.rollout.reward_function import RewardFunction

ARGUMENTS = ("data_source", "solution_str", "ground_truth", "extra_info")
"""As verl calls it, each by its name."""
SECTION = "reward.custom_reward_function"


def check_reward(run: Run) -> str:
    """The reward function can be imported, and takes what it is called with."""
    for name in ("path", "name", "reward_kwargs"):
        run.get(f"{SECTION}.{name}")
    function = RewardFunction.from_config(run.config)
    if problem := why_unloadable(run.config, run.settings):  # asked in a process of its own, for it may do anything
        if function.judges_by_task:
            raise UnfitError(problem)
        raise UnfitError(
            f"The reward function {function} cannot be loaded: {problem}; mend it, or set {SECTION}.path and "
            f"{SECTION}.name."
        )
    _check_signature(function, function.load())
    return str(function)


def _check_signature(function: RewardFunction, loaded: Any) -> None:
    named = f"The reward function {function}"
    if not callable(loaded):
        raise UnfitError(f"{named} is {loaded!r}, and not a function; set {SECTION}.name.")
    if inspect.isgeneratorfunction(loaded) or inspect.isasyncgenfunction(loaded):
        raise UnfitError(f"{named} yields, and a score has to be returned; use return.")
    try:
        signature = inspect.signature(loaded)
    except (TypeError, ValueError):  # one written in C says nothing of what it takes
        return
    arguments = {**dict.fromkeys(ARGUMENTS), **function.kwargs}
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise UnfitError(
            f"{named} takes {signature} and is called with the arguments {', '.join(arguments)}, each by its name "
            f"({error}); give it those, or **kwargs for what it does not need."
        ) from error
