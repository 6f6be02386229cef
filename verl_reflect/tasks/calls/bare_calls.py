"""Reads calls that no mark announces.

    JSON            the objects, or a list of them, as the whole text, in the last fence, in backticks, or on lines of
                    their own with words around
    Python          `[f(a=1), g(b="x")]`, as the whole text or in the last fence
    name{…}         Mistral's call without its marks, which are special tokens and may be lost, as the whole text

A fence counts only where the whole text is not calls, and only one that closes.
"""

import re
from collections.abc import Iterator

from verl_reflect.tasks.calls.call import Call, NotCalls
from verl_reflect.tasks.calls.call_objects import arguments_of, calls_of
from verl_reflect.tasks.calls.dialects.dialect import NAME
from verl_reflect.tasks.calls.json_values import (
    MAX_BRACKETS,
    MAX_CHARS,
    NotJson,
    end_of_blanks,
    read_json,
    read_json_at,
    read_json_values,
)
from verl_reflect.tasks.calls.python_calls import NotPythonCalls, looks_like_python_calls, read_python_calls

SEARCHED_CHARS = 2 * MAX_CHARS
"""Characters at the end in which the first line of JSON must stand. It bounds the time."""

_FENCE = re.compile(r"`{3,}")
_LANGUAGE = re.compile(r"\A[\w-]*\s")
_NAMED = re.compile(rf"{NAME}\s*(?=\{{)")
_LINE = re.compile(r"^[ \t]*(?=\{|\[\s*\{)", re.MULTILINE)
_REST_OF_LINE = re.compile(r"[ \t;]*(?:\n|\Z)")


def read_bare_calls(text: str) -> list[Call]:
    """The calls in a text without marks. Raises NotCalls."""
    try:
        return read_whole(text)
    except NotCalls:
        if "`" in text:
            inside = _quoted(text)
            if inside is None:
                raise
            return read_whole(inside)
        calls = _on_lines(text)
        if not calls:
            raise
        return calls


def read_whole(text: str) -> list[Call]:
    """The calls that the text is made of, with nothing else. Raises NotCalls."""
    try:
        if looks_like_python_calls(text):
            return read_python_calls(text)
        if text.startswith(("{", "[")):
            return [call for value in read_json_values(text) for call in calls_of(value)]
        named = _NAMED.match(text)
        if named:
            return [Call(named["name"], arguments_of(read_json(text[named.end() :])))]
    except (NotJson, NotPythonCalls) as fault:
        raise NotCalls(str(fault)) from fault
    raise NotCalls("no call")


def _quoted(text: str) -> str | None:
    """The inside of the last fence, or of the backticks around all of it; None where there is nothing of the kind."""
    if "```" in text:
        return last_fence(text)[0]
    inside = text[1:-1].strip()
    return inside if text[0] == text[-1] == "`" and inside.startswith(("{", "[{")) and "`" not in inside else None


def last_fence(text: str) -> tuple[str | None, str]:
    """The inside of the last code fence, without its language, and all around it.

    The inside is None where there is no fence, or one does not close.
    """
    end = text.rfind("```")
    if end < 0 or len(_FENCE.findall(text)) % 2:
        return None, text
    while end and text[end - 1] == "`":
        end -= 1
    start = text.rfind("```", 0, end)
    inside = text[start + len("```") : end]
    return _LANGUAGE.sub("", inside, count=1).strip(), text[:start] + text[end:]


def _on_lines(text: str) -> list[Call]:
    """The calls that stand on lines of their own. Raises NotCalls where such lines hold anything else in JSON."""
    first = _LINE.search(text, max(0, len(text) - SEARCHED_CHARS))
    if not first or len(text) - first.start() > MAX_CHARS:
        return []
    if text.count("[", first.start()) + text.count("{", first.start()) > MAX_BRACKETS:
        return []
    try:
        return [call for value in _values_on_lines(text, first.end()) for call in calls_of(value)]
    except NotJson as fault:
        raise NotCalls(str(fault)) from fault


def _values_on_lines(text: str, position: int) -> Iterator[object]:
    while True:
        value, end = read_json_at(text, position)
        yield value
        following = end_of_blanks(text, end)
        if not (text.startswith(("{", "["), following) or _REST_OF_LINE.match(text, end)):
            raise NotCalls("a call with words behind it")
        found = _LINE.search(text, end)
        if text.startswith(("{", "["), following):
            position = following
        elif found:
            position = found.end()
        else:
            return
