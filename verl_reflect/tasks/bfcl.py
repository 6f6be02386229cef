"""The Berkeley Function Calling Leaderboard, version 4: its Python categories and those where no function fits.

The verdict follows the leaderboard's rules for parsed calls: `bfcl_rules` says which values are right. A call is right
if it has the function's name with its dots, every required parameter and every one that the accepted answer does not
allow to leave out, and no other. Calls in parallel may stand in any order: each accepted call takes the
first that fits.

Responses are read as `tool_calls` says; in Python's syntax a variable stands for its own name. Where no function fits,
an attempt at a call is not abstaining. docs/function_calling.md says where the leaderboard's own reader differs.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from verl_reflect.tasks.base import Item, Task, Verdict
from verl_reflect.tasks.calls.bfcl_rules import OMITTED, Parameter
from verl_reflect.tasks.calls.bfcl_schema import openai_tool
from verl_reflect.tasks.calls.call_matching import CATEGORIES, Arguments, gives_calls_away, judge_calls
from verl_reflect.tasks.calls.call_text import (
    NO_CALL,
    PROSE,
    hermes,
    with_value,
    without_parameter,
    wrong_in_number_or_name,
)
from verl_reflect.tasks.ground_truth import read_truth
from verl_reflect.tasks.wording import REFLECT_ON_CALLS

ABSTAINING = ("irrelevance", "live_irrelevance")
"""Subsets where no function fits the question: a right response makes no call."""

SUBSETS = (
    "simple_python",
    "multiple",
    "parallel",
    "parallel_multiple",
    "live_simple",
    "live_multiple",
    "live_parallel",
    "live_parallel_multiple",
    *ABSTAINING,
)
"""What the leaderboard calls its categories. A row's data source names its own."""

COLUMNS = ("category", "question", "function", "ground_truth")


class AcceptedCall(NamedTuple):
    """A call that must be made, with a choice of values."""

    name: str
    parameters: Mapping[str, Parameter]
    required: Sequence[str]
    """By the function's declaration, and then by the accepted answer."""

    def wrong_parameter(self, arguments: Arguments) -> str | None:
        for name, value in arguments.items():
            if name not in self.parameters or not self.parameters[name].admits(value):
                return name
        return next((name for name in self.required if name not in arguments), None)

    @classmethod
    def from_data(cls, answer: Mapping[str, Any], functions: Mapping[str, Any]) -> "AcceptedCall":
        ((name, accepted),) = answer.items()
        declared = functions[name]["parameters"]
        parameters = {
            key: Parameter.from_data(declared["properties"][key], values)
            for key, values in accepted.items()
            if key in declared["properties"]
        }
        needed = [key for key, values in accepted.items() if OMITTED not in values]
        return cls(name, parameters, [*declared["required"], *needed])


class Bfcl(Task):
    """Judges calls against `{"category": …, "functions": […], "possible_answer": […]}`, or the same as a JSON string.

    The error categories are FunctionCalling's. Where no function fits, a call is an error of `tool`.
    """

    data_sources = ("bfcl",)
    categories = CATEGORIES
    reflection_prompt = REFLECT_ON_CALLS

    def item(self, record: Any) -> Item:
        """Read a record of `data.bfcl`. The gold response is "" for the rows whose accepted answers none can meet."""
        if not isinstance(record, Mapping) or not set(COLUMNS) <= record.keys():
            raise ValueError(f"a row has the columns {', '.join(COLUMNS)}, not {record!r:.500}")
        truth = {
            "category": record["category"],
            "functions": record["function"],
            "possible_answer": record["ground_truth"],
        }
        _from_truth(truth)
        text = json.dumps({**truth, "functions": _what_is_judged(truth)}, ensure_ascii=False)
        gold = hermes(gold_calls(truth)) or NO_CALL
        return Item(
            messages=record["question"][0],
            ground_truth=text,
            gold=gold if self.judge(gold, text).score else "",
            tools=[openai_tool(function) for function in record["function"]],
            facts={"id": record.get("id", ""), "category": record["category"]},
            same_as=record.get("id", ""),
        )

    def row(self, item: Item, split: str, index: int) -> dict[str, Any]:
        """As any row; the data source names the category, as in `bfcl/live_simple`, since verl reports by it."""
        row = super().row(item, split, index)
        return {**row, "data_source": f"{self.data_sources[0]}/{item.facts['category']}"}

    def corruptions(self, item: Item) -> Iterator[str]:
        """Nothing, prose, and the gold calls with one thing wrong; any call at all where none fits."""
        truth = json.loads(item.ground_truth)
        if truth["category"] in ABSTAINING:
            yield from (hermes([(name, {})]) for name in ("any", *(tool["function"]["name"] for tool in item.tools)))
            return
        calls = gold_calls(truth)
        yield from ("", PROSE, *map(hermes, wrong_in_number_or_name(calls)))
        for index, (call, accepted) in enumerate(zip(calls, _expected(item.ground_truth), strict=True)):
            for name in call[1]:
                yield hermes(with_value(calls, index, name, {"no such": "value"}))
                if name in accepted.required:
                    yield hermes(without_parameter(calls, index, name))

    def judge(self, response: str, ground_truth: object) -> Verdict:
        return judge_calls(response, _expected(ground_truth), variables=True)

    def gives_away(self, reflection: str, ground_truth: object, question: str) -> bool:
        """Whether every call that is wanted stands somewhere in the reflection; never where none is wanted."""
        return gives_calls_away(reflection, _expected(ground_truth))


def _expected(ground_truth: object) -> tuple[AcceptedCall, ...]:
    return _from_text(ground_truth) if isinstance(ground_truth, str) else _from_truth(ground_truth)


def _from_truth(ground_truth: object) -> tuple[AcceptedCall, ...]:
    truth = read_truth(ground_truth, ("category", "functions", "possible_answer"))
    if truth["category"] not in ("simple", *SUBSETS):
        raise ValueError(f"'category' must be one of {', '.join(SUBSETS)}, not {truth['category']!r}")
    if (truth["category"] in ABSTAINING) != (not truth["possible_answer"]):
        raise ValueError(f"'possible_answer' must be empty for {', '.join(ABSTAINING)}, and for no other category")
    try:
        functions = {function["name"]: function for function in truth["functions"]}
        return tuple(AcceptedCall.from_data(answer, functions) for answer in truth["possible_answer"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"a malformed ground truth ({error!r}): {truth!r:.500}") from error


# A row is judged for every response of its group, and its accepted calls are the same each time. This holds all rows.
_from_text = lru_cache(maxsize=4096)(_from_truth)


def _what_is_judged(truth: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The functions of the accepted calls, without what is there for the model: a row is read for every response."""
    names = {name for answer in truth["possible_answer"] for name in answer}
    return [
        {
            "name": function["name"],
            "parameters": {
                "properties": {
                    key: {word: value[word] for word in ("type", "items") if word in value}
                    for key, value in function["parameters"]["properties"].items()
                },
                "required": function["parameters"]["required"],
            },
        }
        for function in truth["functions"]
        if function["name"] in names
    ]


def gold_calls(truth: Mapping[str, Any]) -> list[tuple[str, Arguments]]:
    """Calls of the first accepted values, without what may be left out first of all."""
    calls = []
    for answer in truth["possible_answer"]:
        ((name, accepted),) = answer.items()
        required = next(f["parameters"]["required"] for f in truth["functions"] if f["name"] == name)
        first = _first_values(accepted, required)
        calls.append((name, {key: _without_choices(value) for key, value in first.items()}))
    return calls


def _first_values(accepted: Mapping[str, Sequence[Any]], required: Sequence[str] = ()) -> dict[str, Any]:
    return {
        key: next((value for value in values if value != OMITTED), OMITTED)
        for key, values in accepted.items()
        if key in required or (values and values[0] != OMITTED)
    }


def _without_choices(value: Any) -> Any:
    """An object of accepted values as the first object that they allow, in a list too."""
    if isinstance(value, dict):
        return _first_values(value)
    return [_without_choices(item) for item in value] if isinstance(value, list) else value
