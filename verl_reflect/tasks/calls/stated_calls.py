"""Finds function calls anywhere in running text: JSON objects, and Python's `f(a=1)`, whatever stands around them."""

import re
from collections.abc import Collection, Iterator

from verl_reflect.tasks.base import SEARCHED_IN_REFLECTION
from verl_reflect.tasks.calls.json_values import NotJson, read_json_at
from verl_reflect.tasks.calls.python_calls import NotPythonCalls, read_python_call
from verl_reflect.tasks.calls.tool_calls import Call, NotCalls, read_call

MAX_TRIES = 50
"""Places where a call may begin, of each syntax. It bounds the time."""


def stated_calls(text: str, names: Collection[str]) -> list[Call]:
    """Every call of one of these functions that can be read. One is read once, and nothing within it."""
    text = text[-SEARCHED_IN_REFLECTION:]
    if not any(name in text for name in names):
        return []
    return [*_json(text, names), *_python(text, names)]


def _json(text: str, names: Collection[str]) -> Iterator[Call]:
    position = text.find("{")
    for _ in range(MAX_TRIES):
        if position < 0:
            return
        try:
            value, end = read_json_at(text, position)
            call = read_call(value)
        except (NotJson, NotCalls):
            end = position + 1
        else:
            if call.name in names:
                yield call
        position = text.find("{", end)


def _python(text: str, names: Collection[str]) -> Iterator[Call]:
    start = re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, names))})\s*\(")
    for _, found in zip(range(MAX_TRIES), start.finditer(text), strict=False):
        try:
            yield Call(*read_python_call(text[found.start() :]))
        except NotPythonCalls:
            continue
