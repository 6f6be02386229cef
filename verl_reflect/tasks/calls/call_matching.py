"""Judges a response against the calls it should make: the tools first, then their parameters, in any order."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from verl_reflect.tasks.base import PASSED, Verdict, failed
from verl_reflect.tasks.calls.attempts import attempts_a_call
from verl_reflect.tasks.calls.call import BrokenCalls, Call, CallWithVariables, NotCalls
from verl_reflect.tasks.calls.stated_calls import stated_calls
from verl_reflect.tasks.calls.tool_calls import read_said_calls
from verl_reflect.tasks.thought import said

CATEGORIES = ("format", "tool", "parameters", "none")
"""The error classes of the paper's table. The first that applies counts."""

Arguments = dict[str, Any]


class ExpectedCall(Protocol):
    """A call as the data want it."""

    @property
    def name(self) -> str: ...

    def wrong_parameter(self, arguments: Arguments) -> str | None:
        """The first parameter that is wrong, missing or too many; None where the call is right."""


def judge_calls(response: str, expected: Sequence[ExpectedCall], *, variables: bool = False) -> Verdict:
    """Every call must be expected, and every expected call be made, as often as each is expected.

    Each expected call takes the first call that fits it and is still free. `detail` names the tool that is missing or
    too many, the parameter that is wrong in the first call of the right name, or what is wrong with the format.

    Args:
        response: The model's words.
        expected: The calls that must be made. Where there are none, a response passes that abstains.
        variables: Whether a variable may stand for its own name as a value, in Python's syntax.
    """
    spoken = said(response)
    try:
        calls = read_said_calls(spoken)
    except NotCalls as fault:
        if expected or isinstance(fault, BrokenCalls):
            return failed("format", str(fault))
        return _abstained(response, spoken)
    if not calls and not expected:
        return _abstained(response, spoken)
    if not variables and any(isinstance(call, CallWithVariables) for call in calls):
        return failed("format", "a variable has no value")
    return _matched(calls, expected)


def _abstained(response: str, spoken: str) -> Verdict:
    """Of a response that makes no call, whether it meant to make none."""
    if attempts_a_call(response, spoken):
        return failed("format", "a call was tried")
    if not (spoken.strip() and response.endswith(spoken)) and _stops_within_a_thought(response):
        return failed("format", "the thought does not end")
    return PASSED


def _stops_within_a_thought(response: str) -> bool:
    """Whether whatever were added would not be said."""
    return not said(f"{response}.").endswith(".")


def _matched(calls: Sequence[Call], expected: Sequence[ExpectedCall]) -> Verdict:
    wrong_tool = _wrong_tool([call.name for call in calls], [wanted.name for wanted in expected])
    if wrong_tool:
        return failed("tool", wrong_tool)
    free = list(calls)
    for wanted in expected:
        wrong = _take(wanted, free)
        if wrong is not None:
            return failed("parameters", wrong)
    return PASSED


def gives_calls_away(text: str, expected: Sequence[ExpectedCall]) -> bool:
    """Whether the text makes the expected calls, or has each of them somewhere, among whatever else.

    Where no call is expected, there is none to give away.
    """
    if not expected:
        return False
    if judge_calls(text, expected, variables=True) == PASSED:
        return True
    free = stated_calls(text, {wanted.name for wanted in expected})
    return all(_take(wanted, free) is None for wanted in expected)


def _wrong_tool(called: list[str], wanted: list[str]) -> str:
    if sorted(called) == sorted(wanted):
        return ""
    for name in Counter(called) - Counter(wanted):
        return f"not wanted: {name}"
    return f"missing: {next(iter(Counter(wanted) - Counter(called)))}"


def _take(wanted: ExpectedCall, free: list[Call]) -> str | None:
    """Take the first call that fits out of `free`; where none does, the wrong parameter of the first candidate."""
    first_wrong = ""
    for index, call in enumerate(free):
        if call.name != wanted.name:
            continue
        wrong = wanted.wrong_parameter(call.arguments)
        if wrong is None:
            del free[index]
            return None
        first_wrong = first_wrong or wrong
    return first_wrong
