"""Calls as a name in words of the dialect, and the arguments as a JSON object."""

import re

from verl_reflect.tasks.calls.call import Call, NotCalls
from verl_reflect.tasks.calls.call_objects import arguments_of
from verl_reflect.tasks.calls.dialects.dialect import Read, Reader
from verl_reflect.tasks.calls.json_values import read_json_at


def named_json(before: str, after: str = "") -> Reader:
    """A reader of as many calls as follow each other.

    Args:
        before: Regular expression of all before the arguments, with a group `name`.
        after: Regular expression of what ends a call.
    """
    head, tail = re.compile(before), re.compile(after)

    def read(text: str, position: int) -> Read:
        calls: list[Call] = []
        while found := head.match(text, position):
            value, end = read_json_at(text, found.end())
            closed = tail.match(text, end)
            if not closed:
                raise NotCalls("a call without its end")
            calls.append(Call(found["name"], arguments_of(value)))
            position = closed.end()
        return calls, position

    return read
