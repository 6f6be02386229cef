"""Calls as tags: `<function=f><parameter=a>1</parameter></function>`, of Qwen3-Coder and of Seed-OSS.

Values tell no types. The line breaks that the template puts around a value are not part of it. A value ends with the
closing tag that another parameter or the function's end follows, so that it may hold such a tag itself. Llama's tag has
the arguments as JSON: `<function=f>{"a": 1}</function>`.
"""

import re

from verl_reflect.tasks.calls.call import Call, NotCalls
from verl_reflect.tasks.calls.call_objects import arguments_of
from verl_reflect.tasks.calls.dialects.dialect import NAME, Read, after_blanks
from verl_reflect.tasks.calls.json_values import read_json_at
from verl_reflect.tasks.calls.untyped import Untyped

OPENING = "<function="
CLOSING = "</function>"
_NAMED = re.compile(rf"\s*{NAME}\s*>\s*")
_KEY = re.compile(r"<parameter=(?P<key>[^<>\n]{1,256})>")
_END = re.compile(r"</parameter>\s*(?=<parameter=|</function>)")


def functions(text: str, position: int) -> Read:
    """As many as follow each other."""
    calls: list[Call] = []
    while text.startswith(OPENING, start := after_blanks(text, position)):
        call, end = function(text, start + len(OPENING))
        if not text.startswith(CLOSING, end):
            raise NotCalls(f"{OPENING} without {CLOSING}")
        calls, position = [*calls, *call], end + len(CLOSING)
    return calls, position


def function(text: str, position: int) -> Read:
    """The one whose name starts here, up to its closing tag."""
    named = _NAMED.match(text, position)
    if not named:
        raise NotCalls("a function without a name")
    if text.startswith("{", named.end()):
        value, end = read_json_at(text, named.end())
        arguments = arguments_of(value)
    else:
        pairs, end = parameters(text, named.end())
        arguments = without_twins(pairs)
    return [Call(named["name"], arguments)], after_blanks(text, end)


def parameters(text: str, position: int) -> tuple[list[tuple[str, object]], int]:
    found: list[tuple[str, object]] = []
    while key := _KEY.match(text, position):
        end = _END.search(text, key.end())
        if not end:
            raise NotCalls("a parameter without its end")
        found.append((key["key"].strip(), Untyped(_unwrapped(text[key.end() : end.start()]))))
        position = end.end()
    return found, position


def without_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    arguments = dict(pairs)
    if len(arguments) != len(pairs):
        raise NotCalls("a parameter stands twice")
    return arguments


def _unwrapped(value: str) -> str:
    return value.removeprefix("\n").removesuffix("\n")
