"""Calls as JSON objects or lists of them, one after another, with blanks or `;` between."""

import re

from verl_reflect.tasks.calls.call import Call
from verl_reflect.tasks.calls.call_objects import calls_of, read_marked_call
from verl_reflect.tasks.calls.dialects.dialect import Read
from verl_reflect.tasks.calls.json_values import end_of_blanks, read_json_at

_VALUE = re.compile(r"\{|\[\s*[\[{\]]")
"""Where a value starts, rather than a mark in brackets."""
_LIST = re.compile(r"\s*\[\s*\{")


def json_calls(text: str, position: int) -> Read:
    calls: list[Call] = []
    position = end_of_blanks(text, position)
    while _VALUE.match(text, position):
        value, end = read_json_at(text, position)
        calls.extend([read_marked_call(value)] if _is_bare(value) else calls_of(value))
        position = end_of_blanks(text, end)
    return calls, position


def json_list(text: str, position: int) -> Read:
    """As `json_calls`, for dialects in which the calls always stand in a list."""
    return json_calls(text, position) if _LIST.match(text, position) else ([], position)


def json_items(text: str, position: int) -> Read:
    """A list whose opening bracket belongs to the mark."""
    return json_calls(text, position - 1)


def _is_bare(value: object) -> bool:
    return isinstance(value, dict) and "tool_calls" not in value
