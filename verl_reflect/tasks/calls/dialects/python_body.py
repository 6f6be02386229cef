"""Calls in Python's syntax behind a mark."""

from verl_reflect.tasks.calls.call import NotCalls
from verl_reflect.tasks.calls.dialects.dialect import Read
from verl_reflect.tasks.calls.python_calls import NotPythonCalls, read_python_calls_at

_BUILT_IN = ".call"
"""Llama writes `name.call(…)` for the tools that its system message lists as built in."""


def python_calls(text: str, position: int) -> Read:
    try:
        return read_python_calls_at(text, position)
    except NotPythonCalls as fault:
        raise NotCalls(str(fault)) from fault


def built_in_calls(text: str, position: int) -> Read:
    calls, end = python_calls(text, position)
    return [call._replace(name=call.name.removesuffix(_BUILT_IN)) for call in calls], end
