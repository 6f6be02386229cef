"""Calls written as JSON objects, under the keys that the families use.

    {"name": …, "arguments": {…}}                       also "parameters" or "args"
    {"type": "function", "function": {"name": …, …}}    OpenAI's interface
    {"thought": …, "tool_calls": [{…}, …]}              xLAM-1
    {"tool_name": …, "parameters": {…}}                 Command R, and others with "tool"

Arguments may be the JSON text of an object. No arguments are `{}`, null, or empty text.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from verl_reflect.tasks.calls.call import Call, NotCalls
from verl_reflect.tasks.calls.json_values import read_json

NAME_KEYS = ("name", "tool", "tool_name")
ARGUMENT_KEYS = ("arguments", "parameters", "args")
_LIST_KEY = "tool_calls"
_BESIDE_A_NAME = frozenset((*NAME_KEYS, "id", "type", "index", "tool_call_id"))


def calls_of(value: object) -> Iterator[Call]:
    """The calls that a JSON value is: an object, a list of objects, or xLAM-1's answer. Raises NotCalls."""
    if isinstance(value, dict) and isinstance(listed := value.get(_LIST_KEY), list):
        value = listed
    yield from map(read_call, value if isinstance(value, list) else [value])


def read_call(value: object) -> Call:
    """The call that a JSON object is. Raises NotCalls."""
    if isinstance(value, dict) and isinstance(inner := value.get("function"), dict):
        value = inner
    name = _only(value, NAME_KEYS) if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(name, str):
        raise NotCalls("a call is an object with a name")
    if sum(key in value for key in ARGUMENT_KEYS) != 1:
        raise NotCalls("a call has either arguments or parameters")
    return Call(name, arguments_of(_only(value, ARGUMENT_KEYS)))


def read_marked_call(value: object) -> Call:
    """As `read_call`; where a mark says that it is a call, it may have no arguments at all."""
    if isinstance(value, dict) and value.keys() <= _BESIDE_A_NAME:
        value = {**value, "arguments": {}}
    return read_call(value)


def arguments_of(value: object) -> dict[str, Any]:
    """Raises NotCalls."""
    if isinstance(value, str) and value.strip():
        value = read_json(value)
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise NotCalls("the arguments are not an object")
    return value


def _only(value: Mapping[str, Any], keys: Sequence[str]) -> object:
    """What stands under the one of these keys that is there; None for none or several."""
    found = [key for key in keys if key in value]
    return value[found[0]] if len(found) == 1 else None
