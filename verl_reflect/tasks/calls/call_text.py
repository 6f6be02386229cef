"""Writes calls as a model would: for gold responses, and for those close to a gold one that must fail."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from verl_reflect.tasks.thought import said

Calls = Sequence[tuple[str, Mapping[str, Any]]]

NO_CALL = "None of the functions is needed for this."
PROSE = "I have called the function for you."


_BRACKET = re.compile(r"[<◁]|\[(?=/?\w{0,30}(?:think|thought|reason|scratchpad|analysis))", re.IGNORECASE)


def hermes(calls: Calls) -> str:
    """The calls in the format of Hermes and Qwen, one block each."""
    return "\n".join(f"<tool_call>\n{json_call(name, arguments)}\n</tool_call>" for name, arguments in calls)


def json_call(name: str, arguments: Mapping[str, Any]) -> str:
    """The call in JSON, which spells brackets by their codes where text in it would be taken for a thought's mark."""
    text = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    return text if said(text) == text else _spelled(text)


def _spelled(text: str) -> str:
    """The same JSON with escapes for the brackets that may open a thought's mark, which stand in its texts only."""
    return _BRACKET.sub(lambda mark: f"\\u{ord(mark[0]):04x}", text)


def wrong_in_number_or_name(calls: Calls) -> Iterator[Calls]:
    """The calls with another name, with one of them missing, with one too many, and with a parameter too many."""
    for index, (name, arguments) in enumerate(calls):
        before, after = calls[:index], calls[index + 1 :]
        yield [*before, (f"{name}_", arguments), *after]
        yield [*before, *after]
        yield [*calls, (name, arguments)]
        yield [*before, (name, {**arguments, "".join((*arguments, "_")): 1}), *after]


def without_parameter(calls: Calls, index: int, parameter: str) -> Calls:
    name, arguments = calls[index]
    fewer = {key: value for key, value in arguments.items() if key != parameter}
    return [*calls[:index], (name, fewer), *calls[index + 1 :]]


def with_value(calls: Calls, index: int, parameter: str, value: object) -> Calls:
    name, arguments = calls[index]
    return [*calls[:index], (name, {**arguments, parameter: value}), *calls[index + 1 :]]
