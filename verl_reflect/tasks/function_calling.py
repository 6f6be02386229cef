"""The function calling task (paper, section 4): the very calls that the data want, to the last parameter and value.

What counts as the same call, where "exactly" leaves it open:

- Calls in parallel may stand in any order, each as often as it is wanted.
- A parameter that the gold call has must be there, even where the tool declares its value as the default: the verifier
  sees no tools. One that the gold call lacks is one too many, likewise.
- Values are compared by `same_value`: `1` is `1.0`, `True` is not `1`, `"1"` is not `1`, objects and lists throughout.
- In Python's syntax a value is a literal: a variable's name has no value.
- A key named twice, NaN and Infinity are errors of format, since nobody can say what they equal.

How calls may be written is in `tool_calls`. Gold answers may be none: then a response passes that abstains, which is
more than to make no call that can be read (`attempts`).
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from verl_reflect.tasks.base import Item, Task, Verdict
from verl_reflect.tasks.calls.call_matching import CATEGORIES, Arguments, gives_calls_away, judge_calls
from verl_reflect.tasks.calls.call_text import (
    NO_CALL,
    PROSE,
    hermes,
    json_call,
    with_value,
    without_parameter,
    wrong_in_number_or_name,
)
from verl_reflect.tasks.calls.same_value import same_value
from verl_reflect.tasks.calls.xlam import read_record
from verl_reflect.tasks.ground_truth import call_of, read_truth
from verl_reflect.tasks.wording import REFLECT_ON_CALLS


class ExactCall(NamedTuple):
    """A call that must be made as it stands."""

    name: str
    arguments: Arguments

    def wrong_parameter(self, arguments: Arguments) -> str | None:
        for key, value in self.arguments.items():
            if key not in arguments or not same_value(value, arguments[key]):
                return key
        return next((key for key in arguments if key not in self.arguments), None)


class FunctionCalling(Task):
    """Judges function calls against `{"answers": [{"name": …, "arguments": {…}}, …]}`, or the same as a JSON string.

    The first of these faults counts; the verdict's `detail` says which call or parameter:

    - `format`: no calls, or calls that cannot be read;
    - `tool`: a function called that is not wanted, or one not called, or not as often as wanted;
    - `parameters`: one is missing, one too many, or a value is another.
    """

    data_sources = ("function_calling",)
    categories = CATEGORIES
    reflection_prompt = REFLECT_ON_CALLS

    def item(self, record: Any) -> Item:
        """Read a record of the public schema (`Salesforce/xlam-function-calling-60k`: `query`, `tools`, `answers`).

        There is no system prompt: each model family's chat template says how it calls functions.
        """
        query, tools, calls = read_record(record)
        answers = [{"name": name, "arguments": arguments} for name, arguments in calls]
        return Item(
            messages=[{"role": "user", "content": query}],
            ground_truth=json.dumps({"answers": answers}, ensure_ascii=False),
            gold=hermes(calls) or NO_CALL,
            tools=tools,
        )

    def corruptions(self, item: Item) -> Iterator[str]:
        """Nothing, prose, and the gold calls with one thing wrong."""
        calls = _expected(item.ground_truth)
        if not calls:
            yield from (hermes([("any", {})]), f"{PROSE} {json_call('any', {})}")
            return
        yield ""
        yield PROSE
        yield from map(hermes, wrong_in_number_or_name(calls))
        for index, call in enumerate(calls):
            for parameter, value in call.arguments.items():
                yield hermes(without_parameter(calls, index, parameter))
                yield hermes(with_value(calls, index, parameter, _another(value)))
                yield hermes(with_value(calls, index, parameter, [value]))

    def judge(self, response: str, ground_truth: object) -> Verdict:
        return judge_calls(response, _expected(ground_truth))

    def gives_away(self, reflection: str, ground_truth: object, question: str) -> bool:
        """Whether every call that is wanted stands somewhere in the reflection; never where none is wanted."""
        return gives_calls_away(reflection, _expected(ground_truth))


def _expected(ground_truth: object) -> tuple[ExactCall, ...]:
    return _from_text(ground_truth) if isinstance(ground_truth, str) else _from_truth(ground_truth)


def _from_truth(ground_truth: object) -> tuple[ExactCall, ...]:
    answers = read_truth(ground_truth, ("answers",))["answers"]
    if not isinstance(answers, list | tuple):
        raise ValueError(f"'answers' must be a list, not {answers!r:.500}")
    return tuple(ExactCall(*call_of(answer, "'answers'")) for answer in answers)


# A row is judged for every response of its group, and its calls are the same each time.
_from_text = lru_cache(maxsize=1024)(_from_truth)


def _another(value: object) -> object:
    """A value of the same type that is not this one."""
    match value:
        case bool():
            return not value
        case int() | float():
            return 0 if value else 1
        case str():
            return f"{value}x"
        case list():
            return [*value, None]
        case dict():
            return {**value, "".join((*value, "_")): None}
        case _:
            return "null"
