"""The agent loop of rows that do not name one is known, and leaves a record of each session."""

import os
from difflib import get_close_matches

from omegaconf import ListConfig, OmegaConf

from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.rollout.ways import WAYS

VERLS_LOOPS = ("single_turn_agent", "tool_agent", "diffusion_single_turn_agent")
"""Agent loops of verl's own, which leave no record of a session."""


def check_agent_loop(run: Run) -> str:
    """The agent loop of rows that do not name one is known, and is one that reflects or a control."""
    key = "actor_rollout_ref.rollout.agent.default_agent_loop"
    name, known = run.get(key), agent_loops(run)
    if name in VERLS_LOOPS:
        raise UnfitError(f"{key} is {name}, which leaves no record of a session; remove the override.")
    if name not in known:
        close = get_close_matches(name, known, n=1, cutoff=0)
        raise UnfitError(
            f"{key} is {name}, and there is no such agent loop; did you mean {close[0]}? Your own goes into the file "
            "of actor_rollout_ref.rollout.agent.agent_loop_config_path."
        )
    return f"agent loop {name}"


def agent_loops(run: Run) -> tuple[str, ...]:
    """Names of the agent loops that a row can ask for: ours, and those of the user's file."""
    key = "actor_rollout_ref.rollout.agent.agent_loop_config_path"
    ours, path = [way.loop for way in WAYS.values()], run.get(key)
    if not path:
        return tuple(ours)
    if not os.path.isfile(path):
        raise UnfitError(f"{key}: there is no file {path}; remove the override, or name one.")
    try:
        loops = OmegaConf.load(path)
        assert isinstance(loops, ListConfig)
        return (*ours, *(str(loop.name) for loop in loops))
    except Exception as error:  # a user's file can hold anything
        raise UnfitError(
            f"{key}: {path} is not a list of agent loops, each with a name and a _target_; mend it."
        ) from error
