"""Gemma's calls: `call:f{a:<escape>text<escape>,b:3,c:[1,2],d:{e:true}}`. Keys stand without quotes.

Text stands between a mark that cannot occur in it: `<escape>` in FunctionGemma, `<|"|>` in Gemma 4.
"""

import re
from typing import Any, NamedTuple

from verl_reflect.tasks.calls.call import Call, NotCalls
from verl_reflect.tasks.calls.dialects.dialect import NAME, Read, Reader
from verl_reflect.tasks.calls.json_values import read_json_at

MAX_DEPTH = 20
"""Brackets within brackets. It bounds the recursion."""

_HEAD = re.compile(rf"\s*call:{NAME}(?=\{{)")
_KEY = re.compile(r"\s*(?P<key>\w{1,256})\s*:\s*")
_MORE = re.compile(r"\s*(?P<mark>[,\]}])\s*")


def gemma_call(quote: str) -> Reader:
    values = _Values(quote)

    def read(text: str, position: int) -> Read:
        head = _HEAD.match(text, position)
        if not head:
            return [], position
        arguments, end = values.entries(text, head.end(), 0)
        return [Call(head["name"], arguments)], end

    return read


class _Values(NamedTuple):
    """Reads values. Each method gives one and the place where it ends, and raises NotCalls where there is none."""

    quote: str

    def entries(self, text: str, position: int, depth: int) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        more, position = _opened(text, position + 1, "}")
        while more:
            key = _KEY.match(text, position)
            if not key or key["key"] in found:
                raise NotCalls("a value without a key, or with another one's")
            found[key["key"]], position = self.value(text, key.end(), depth)
            more, position = _goes_on(text, position, "}")
        return found, position

    def items(self, text: str, position: int, depth: int) -> tuple[list[Any], int]:
        found: list[Any] = []
        more, position = _opened(text, position + 1, "]")
        while more:
            value, position = self.value(text, position, depth)
            found.append(value)
            more, position = _goes_on(text, position, "]")
        return found, position

    def value(self, text: str, position: int, depth: int) -> tuple[Any, int]:
        if depth == MAX_DEPTH:
            raise NotCalls("too deep")
        if text.startswith("{", position):
            return self.entries(text, position, depth + 1)
        if text.startswith("[", position):
            return self.items(text, position, depth + 1)
        if text.startswith(self.quote, position):
            return self.text(text, position + len(self.quote))
        return read_json_at(text, position)

    def text(self, text: str, start: int) -> tuple[str, int]:
        end = text.find(self.quote, start)
        if end < 0:
            raise NotCalls("text without its end")
        return text[start:end], end + len(self.quote)


def _opened(text: str, position: int, closing: str) -> tuple[bool, int]:
    """Whether anything stands between the brackets, and where the text goes on."""
    return (False, position + 1) if text.startswith(closing, position) else (True, position)


def _goes_on(text: str, position: int, closing: str) -> tuple[bool, int]:
    """Whether another item follows, and where the text goes on."""
    mark = _MORE.match(text, position)
    if not mark or mark["mark"] not in (",", closing):
        raise NotCalls("a list or an object without its end")
    return (True, mark.end()) if mark["mark"] == "," else (False, mark.start("mark") + 1)
