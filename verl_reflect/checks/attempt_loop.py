"""The agent loop that makes attempts of many turns (`reflect.attempt_loop`) is known, and so are its tools."""

import os
from difflib import get_close_matches

from verl_reflect.checks.agent_loop import VERLS_LOOPS, agent_loops
from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.finding import Doubt
from verl_reflect.rollout.ways import WAYS

MULTI_TURN = "actor_rollout_ref.rollout.multi_turn"
TOOL_LOOP = "tool_agent"


def check_attempt_loop(run: Run) -> str:
    """The loop is one of verl's or of the user's file, and a tool loop has tools and reads the model's calls."""
    name = run.settings.attempt_loop
    if name is None:
        return "an attempt is one answer"
    ours = {way.loop for way in WAYS.values()}
    known = [*VERLS_LOOPS, *(each for each in agent_loops(run) if each not in ours)]
    if name not in known:
        close = get_close_matches(name, known, n=1, cutoff=0)
        raise UnfitError(
            f"reflect.attempt_loop is {name}, and there is no such agent loop to make an attempt; did you mean "
            f"{close[0]}? Your own goes into the file of actor_rollout_ref.rollout.agent.agent_loop_config_path."
        )
    if name == TOOL_LOOP:
        return _tools(run)
    return f"{name} makes the attempts"


def _tools(run: Run) -> str:
    """verl's tool loop alone reads these keys."""
    from verl.experimental.agent_loop.tool_parser import ToolParser
    from verl.utils.import_utils import resolve_config_path

    try:
        ToolParser.get_tool_parser(run.get(f"{MULTI_TURN}.format"), run.tokenizer)
    except Exception as error:  # parsers look into the tokenizer, and one that they do not know breaks them
        raise UnfitError(
            f"{MULTI_TURN}.format={run.get(f'{MULTI_TURN}.format')} cannot read this model's calls ({error}); set it "
            "to the format that the model writes, such as hermes."
        ) from error
    named = {
        key: path for key in ("tool_config_path", "function_tool_path") if (path := run.get(f"{MULTI_TURN}.{key}"))
    }
    for key, path in named.items():
        if not os.path.isfile(resolve_config_path(path)):
            raise UnfitError(f"{MULTI_TURN}.{key}: there is no file {path}; set it.")
    if not named:
        return Doubt(
            f"reflect.attempt_loop={TOOL_LOOP} and there are no tools; name some in {MULTI_TURN}.tool_config_path or "
            f"{MULTI_TURN}.function_tool_path."
        )
    return f"{TOOL_LOOP} makes the attempts, with the tools of {', '.join(named.values())}"
