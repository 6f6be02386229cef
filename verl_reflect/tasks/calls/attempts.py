"""Tells whether a response that makes no call tried to. Then it did not abstain, whether or not it can be read.

The verifier reads more formats than any one server, and still not all: a model that learns to call in a way that nobody
reads must not be paid for it. So anything that looks like a call is one:

- the mark of any dialect, and tags or words in brackets that speak of tool or function calls;
- JSON or nearly JSON, with either quotes, that names a function and has arguments, closed or not;
- what is said in Python's syntax: a list of calls, or `name(key=…)`, or such a call in a fence.

A thought may weigh a call in Python's syntax, since no program takes that for one; with a mark or as an object it may
not. Names of functions, and `name()` amid words, are no attempts.
"""

import re
from collections.abc import Iterator

from verl_reflect.tasks.calls.call_objects import ARGUMENT_KEYS, NAME_KEYS
from verl_reflect.tasks.calls.dialects.table import BY_OPENING, openings_in

SEARCHED_CHARS = 60_000
"""Characters at the end of a response in which marks and objects are looked for."""

MAX_CHARS = 20_000
"""Characters at the end of what is said in which Python's syntax is looked for."""

MAX_TRIES = 50
"""Places of one word that are looked at. It bounds the time."""

_STEMS = ("tool_call", "toolcall", "tool▁call", "function_call", "functioncall", "tool_use")
_TAG = re.compile(r"[<\[][^\s<>\[\]]{0,24}\Z")
_MARKS = ("<function ", "<invoke ", "<invoke>", "<tool ", "<tool>", "```tool_code", "```tool_call", "Action Input:")
_NAMES = tuple(f"{quote}{key}{quote}" for key in (*NAME_KEYS, "function", "action") for quote in "\"'")
_ARGUMENTS = tuple(
    f"{quote}{key}{quote}" for key in (*ARGUMENT_KEYS, "params", "tool_input", "action_input") for quote in "\"'"
)
_BEGUN = re.compile(
    r"[\[\s]*\{\s*(?:[\"']?(?:name|tool|tool_name|function)[\"']?\s*:|[\"']tool_calls[\"']\s*:\s*\[\s*\{)"
)
_LISTED = re.compile(r"\[\s*(?:[^\W\d]\w*\.)*[^\W\d]\w*\((?:\s*\)|\s*[\"'\d{\[-]|\s*\w+\s*=(?!=))")
_KEYWORD = re.compile(r"(?<=\w\w)\(\s*[^\W\d]\w*\s*=\s*(?:[\"'\d\[{(-]|True\b|False\b|None\b)")
_NAMED_OBJECT = re.compile(r"(?<=\w\w)\{\s*\"\w+\"\s*:")
_ALONE = re.compile(r"(?:print\(\s*)?(?!print\b)(?:[^\W\d]\w*\.)*[^\W\d]\w+\(\s*(?:\)|[\"'\[{]|[^\W\d]\w*\s*=(?!=))")
_LAST = (")", "]", ";", "`")
_CUT_OFF = re.compile(r"(?:[^\W\d]\w*\.)*[^\W\d]\w+\([^\s()]*")
"""All that was said is a name with its bracket, and the limit came before the first value."""


def attempts_a_call(response: str, said: str) -> bool:
    """Whether the response looks like one that calls; `said` is what stands after its thought."""
    response, spoken = response[-SEARCHED_CHARS:], said[-MAX_CHARS:].strip()
    return _is_marked(response) or _is_object(response) or _is_python(spoken) or bool(_BEGUN.match(_unquoted(spoken)))


def _is_marked(text: str) -> bool:
    if any(_is_meant(text, mark) for mark in openings_in(text)):
        return True
    return any(mark in text for mark in _MARKS) or _has_tag(text)


def _is_meant(text: str, opening: str) -> bool:
    meant = BY_OPENING[opening][0].meant
    return not meant or any(meant.match(text, place + len(opening)) for place in _places(text, opening))


def _has_tag(text: str) -> bool:
    lowered = text.lower()
    return any(
        _TAG.search(lowered, max(0, place - 25), place) is not None
        for stem in _STEMS
        for place in _places(lowered, stem)
    )


def _places(text: str, word: str) -> Iterator[int]:
    place = text.find(word)
    for _ in range(MAX_TRIES):
        if place < 0:
            return
        yield place
        place = text.find(word, place + len(word))


def _is_object(text: str) -> bool:
    return "{" in text and any(key in text for key in _NAMES) and any(key in text for key in _ARGUMENTS)


def _is_python(said: str) -> bool:
    """In the words, calls with keywords, and lists of calls; a fence counts where it starts with a call."""
    words, *fenced = said.split("```", 2 * MAX_TRIES)
    fences, between = fenced[::2], fenced[1::2]
    if any(map(_in_words, (words, *between))) or any(_ALONE.match(_code(fence)) for fence in fences):
        return True
    if _CUT_OFF.fullmatch(_code(said)):
        return True
    return said.endswith(_LAST) and _ALONE.match(_code(said)) is not None


def _in_words(text: str) -> bool:
    return any(pattern.search(text) for pattern in (_LISTED, _KEYWORD, _NAMED_OBJECT))


def _code(text: str) -> str:
    return _unquoted(text).lstrip("[ ")


def _unquoted(text: str) -> str:
    """Without backticks and the language of a fence."""
    return re.sub(r"\A`*(?:[a-z_]*\n)?", "", text.strip()).strip("` \n")
