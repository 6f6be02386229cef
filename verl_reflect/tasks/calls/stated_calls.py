"""Finds function calls anywhere in running text, whatever stands around them.

They are JSON objects, Python's `f(a=1)`, and what the marks of any dialect announce.
"""

import re
from collections.abc import Collection, Iterator

from verl_reflect.tasks.base import SEARCHED_IN_REFLECTION
from verl_reflect.tasks.calls.call import Call, NotCalls
from verl_reflect.tasks.calls.call_objects import arguments_of, read_call
from verl_reflect.tasks.calls.json_values import NotJson, read_json_at
from verl_reflect.tasks.calls.marked_calls import sections
from verl_reflect.tasks.calls.python_calls import NotPythonCalls, read_python_call

MAX_TRIES = 50
"""Places where a call may begin, of each syntax. It bounds the time."""


def stated_calls(text: str, names: Collection[str]) -> list[Call]:
    """Every call of one of these functions that can be read. One is read once, and nothing within it."""
    text = text[-SEARCHED_IN_REFLECTION:]
    if not any(name in text for name in names):
        return []
    marked = _marked(text, names)
    others = [*_json(text, names), *_python(text, names), *_named(text, names)]
    return [*marked, *(call for call in others if call not in marked)]


def _marked(text: str, names: Collection[str]) -> list[Call]:
    return [call for section in sections(text) for call in section.calls if call.name in names]


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


def _named(text: str, names: Collection[str]) -> Iterator[Call]:
    """As `f{"a": 1}`."""
    start = re.compile(rf"(?<![\w.])(?P<name>{'|'.join(map(re.escape, names))})\s?(?=\{{)")
    for _, found in zip(range(MAX_TRIES), start.finditer(text), strict=False):
        try:
            yield Call(found["name"], arguments_of(read_json_at(text, found.end())[0]))
        except (NotJson, NotCalls):
            continue


def _python(text: str, names: Collection[str]) -> Iterator[Call]:
    start = re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, names))})\s*\(")
    for _, found in zip(range(MAX_TRIES), start.finditer(text), strict=False):
        try:
            yield read_python_call(text[found.start() :])
        except NotPythonCalls:
            continue
