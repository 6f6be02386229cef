"""Finds the function calls in a response, in the formats of the model families that verl trains.

    Hermes, Qwen   <tool_call>{"name": …, "arguments": {…}}</tool_call>, as often as there are calls
    Phi            <|tool_call|>[{…}, …]<|/tool_call|> or functools[{…}, …]
    Mistral        [TOOL_CALLS][{…}, …] or [TOOL_CALLS]name[ARGS]{…}, as often as there are calls
    Llama 3        <|python_tag|>{"name": …, "parameters": {…}}; {…}
    no marker      the same objects, or a list of them (xLAM), as the whole text or in its last ``` fence

What counts:

- Of a response that thinks, only what follows the last `</think>`; nothing of a thought that never ends.
- The kind of marker that stands last, and every call of that kind, as a program that runs the calls would have it.
  The words around `<tool_call>` blocks are passed over; after the other markers nothing but calls may follow.
- From its first marker on, at most `json_values.MAX_CHARS` characters.
- A fence only where the whole text is not calls, and only one that closes.
- Nothing is repaired. One call that cannot be read, a block without its end, a key named twice: no verdict can say
  what was meant, so the response holds no calls. Arguments may be JSON within a string, as OpenAI's interface has them.

verl's own tool parsers (`verl.experimental.agent_loop.tool_parser`) are not used here: they are coroutines over token
ids that need a tokenizer, import Ray and torch into every reward worker, know one format each, and pass over a call
that they cannot read, so that one right call and one broken one would count as right.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from verl_reflect.tasks.calls.json_values import MAX_CHARS, NotJson, read_json, read_json_values
from verl_reflect.tasks.calls.python_calls import NotPythonCalls, looks_like_python_calls, read_python_calls

SEARCHED_CHARS = 200_000
"""Characters at the end of a response that are searched; 32,768 tokens are about 130,000."""

MAX_CALLS = 100
"""More calls than this are none; data sets ask for ten at most."""

_MISTRAL = "[TOOL_CALLS]"
_NAMED = re.compile(r"\s*([\w.-]{1,256})\s*(?:\[CALL_ID\]\s*\w{1,64}\s*)?\[ARGS\]")
_FENCE = "```"
_LANGUAGE = re.compile(r"\A\w*\s")


class Call(NamedTuple):
    name: str
    arguments: dict[str, Any]


class NotCalls(ValueError):  # noqa: N818  (it names what the response is, not a fault of the program)
    """The response holds no calls that can be read."""


class BrokenCalls(NotCalls):
    """The response marks a call, and it cannot be read."""


def read_calls(response: str, *, python: bool = False) -> list[Call]:
    """The calls in a response; an empty list is one the model wrote as `[]`.

    Args:
        python: Read `[f(a=1), g(b="x")]` as well wherever no marker tells the format.

    Raises:
        NotCalls: there are none; BrokenCalls: there is a marker of one, but it cannot be read.
    """
    text = response[-SEARCHED_CHARS:].rpartition("</think>")[2].partition("<think>")[0]
    marker = max(_MARKED, key=text.rfind)
    return _marked(text, marker) if marker in text else _unmarked(text.strip(), python)


def _marked(text: str, marker: str) -> list[Call]:
    if len(text) - text.find(marker) > MAX_CHARS:
        raise BrokenCalls("too long")
    try:
        return _at_most(_MARKED[marker](text, marker))
    except (NotJson, NotCalls) as fault:
        raise BrokenCalls(str(fault)) from fault


def _at_most(calls: Iterator[Call]) -> list[Call]:
    found = []
    for call in calls:
        found.append(call)
        if len(found) > MAX_CALLS:
            raise NotCalls("too many calls")
    return found


def _unmarked(text: str, python: bool) -> list[Call]:
    try:
        return _whole(text, python)
    except NotCalls:
        fenced = _last_fence(text)
        if fenced is None:
            raise
    return _whole(fenced, python)


def _whole(text: str, python: bool) -> list[Call]:
    try:
        if python and looks_like_python_calls(text):
            return [Call(*call) for call in read_python_calls(text)]
        if text.startswith(("{", "[")):
            return _at_most(_from_json(text))
    except (NotJson, NotPythonCalls) as fault:
        raise NotCalls(str(fault)) from fault
    raise NotCalls("no call")


def _last_fence(text: str) -> str | None:
    """The inside of the last code fence, without its language; None where there is none or it does not close."""
    if text.count(_FENCE) % 2 or _FENCE not in text:
        return None
    end = text.rfind(_FENCE)
    inside = text[text.rfind(_FENCE, 0, end) + len(_FENCE) : end]
    return _LANGUAGE.sub("", inside, count=1).strip()


def _from_json(text: str) -> Iterator[Call]:
    for value in read_json_values(text):
        yield from map(read_call, value if isinstance(value, list) else [value])


def read_call(value: object) -> Call:
    """The call that a JSON value is. Raises NotCalls."""
    if not isinstance(value, dict) or not isinstance(name := value.get("name"), str):
        raise NotCalls("a call is an object with a name")
    if ("arguments" in value) == ("parameters" in value):
        raise NotCalls("a call has either arguments or parameters")
    return Call(name, _arguments(value["arguments"] if "arguments" in value else value["parameters"]))


def _arguments(value: object) -> dict[str, Any]:
    if isinstance(value, str):
        value = read_json(value)
    if not isinstance(value, dict):
        raise NotCalls("the arguments are not an object")
    return value


def _blocks(text: str, opening: str, closing: str) -> Iterator[Call]:
    position = text.find(opening)
    while position >= 0:
        start = position + len(opening)
        end = text.find(closing, start)
        if end < 0:
            raise NotCalls(f"{opening} without {closing}")
        yield from _some(_from_json(text[start:end]))
        position = text.find(opening, end)


def _some(calls: Iterator[Call]) -> list[Call]:
    found = list(calls)
    if not found:
        raise NotCalls("a marker without a call")
    return found


def _hermes(text: str, marker: str) -> Iterator[Call]:
    return _blocks(text, marker, "</tool_call>")


def _phi(text: str, marker: str) -> Iterator[Call]:
    return _blocks(text, marker, "<|/tool_call|>")


def _functools(text: str, marker: str) -> Iterator[Call]:
    return _from_json("[" + text.partition(marker)[2])


def _llama(text: str, marker: str) -> Iterator[Call]:
    yield from _some(_from_json(text.partition(marker)[2]))


def _mistral(text: str, marker: str) -> Iterator[Call]:
    for piece in text.split(marker, MAX_CALLS + 1)[1:]:
        named = _NAMED.match(piece)
        if named:
            yield Call(named[1], _arguments(read_json(piece[named.end() :])))
        else:
            yield from _some(_from_json(piece))


_MARKED: dict[str, Callable[[str, str], Iterator[Call]]] = {
    "<tool_call>": _hermes,
    "<|tool_call|>": _phi,
    "functools[": _functools,
    _MISTRAL: _mistral,
    "<|python_tag|>": _llama,
}
