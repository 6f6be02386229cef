"""Writes calls as a model would: for gold responses, and for those close to a gold one that must fail."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Calls = Sequence[tuple[str, Mapping[str, Any]]]

NO_CALL = "None of the functions is needed for this."
PROSE = "I have called the function for you."


def hermes(calls: Calls) -> str:
    """The calls in the format of Hermes and Qwen, one block each."""
    return "\n".join(f"<tool_call>\n{json_call(name, arguments)}\n</tool_call>" for name, arguments in calls)


def json_call(name: str, arguments: Mapping[str, Any]) -> str:
    return json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)


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
