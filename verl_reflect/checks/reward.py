"""The reward function can be imported, and takes what it is called with."""

import inspect
from typing import Any

from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.rollout.judge import RewardFunction

ARGUMENTS = ("data_source", "solution_str", "ground_truth", "extra_info")
"""As verl calls it, each by its name."""
SECTION = "reward.custom_reward_function"


def check_reward(run: Run) -> str:
    """The reward function can be imported, and takes what it is called with."""
    for name in ("path", "name", "reward_kwargs"):
        run.get(f"{SECTION}.{name}")
    assert run.settings  # a fault of the section `reflect` is said in its own words
    function = RewardFunction.from_config(run.config)
    try:
        loaded = function.load()
    except (Exception, SystemExit) as error:  # importing a user's module can raise anything
        raise UnfitError(
            f"The reward function {function.path}:{function.name} cannot be loaded: {' '.join(str(error).split())}; "
            f"mend it, or set {SECTION}.path and {SECTION}.name."
        ) from error
    _check_signature(function, loaded)
    return f"{function.path}:{function.name}"


def _check_signature(function: RewardFunction, loaded: Any) -> None:
    named = f"The reward function {function.path}:{function.name}"
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
