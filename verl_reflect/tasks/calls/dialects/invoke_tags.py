"""Calls as `<invoke name="f"><parameter name="a">1</parameter></invoke>`: MiniMax, and DeepSeek V3.2 with its own tags.

DeepSeek says with `string="true"` or `"false"` whether a value is text or JSON; elsewhere values tell no types.
"""

import re

from verl_reflect.tasks.calls.call import Call, NotCalls
from verl_reflect.tasks.calls.dialects.dialect import Read, Reader
from verl_reflect.tasks.calls.dialects.function_tags import without_twins
from verl_reflect.tasks.calls.json_values import read_json
from verl_reflect.tasks.calls.untyped import Untyped


def invoke_tags(prefix: str = "") -> Reader:
    """A reader of as many calls as follow each other. `prefix` stands before each tag's word."""
    p = re.escape(prefix)
    invoke = re.compile(rf'\s*<{p}invoke name="(?P<name>[^"<>\n]{{1,256}})">\s*')
    key = re.compile(rf'<{p}parameter name="(?P<key>[^"<>\n]{{1,256}})"(?: string="(?P<text>true|false)")?>')
    end = re.compile(rf"</{p}parameter>\s*(?=<{p}parameter name=|</{p}invoke>)")
    closing = f"</{prefix}invoke>"

    def read(text: str, position: int) -> Read:
        calls: list[Call] = []
        while named := invoke.match(text, position):
            pairs, position = arguments(text, named.end())
            if not text.startswith(closing, position):
                raise NotCalls("a call without its end")
            calls.append(Call(named["name"], without_twins(pairs)))
            position += len(closing)
        return calls, position

    def arguments(text: str, position: int) -> tuple[list[tuple[str, object]], int]:
        pairs: list[tuple[str, object]] = []
        while found := key.match(text, position):
            ended = end.search(text, found.end())
            if not ended:
                raise NotCalls("a parameter without its end")
            pairs.append((found["key"], _value(text[found.end() : ended.start()], found["text"])))
            position = ended.end()
        return pairs, position

    return read


def _value(text: str, is_text: str | None) -> object:
    match is_text:
        case "true":
            return text
        case "false":
            return read_json(text)
        case _:
            return Untyped(text)
