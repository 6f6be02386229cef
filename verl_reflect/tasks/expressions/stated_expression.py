r"""Finds a solution of a Countdown puzzle in running text: `so 3 * 8 + 5 = 29 works`, `$3 \times 8 + 5$`, `3 times 8`.

What counts: an expression of `arithmetic`, in or out of brackets and in any spelling that `notation` reads, with `x`,
"times", "plus", "add" and their like for operators; and one in steps, `3 * 8 = 24, and 24 + 5 = 29`. Not looked for:
operators before their numbers ("multiply 3 by 8"), steps whose result is itself a given number, and words for numbers.

Every expression has as many numbers as the puzzle needs, so only that many numbers in a row have to be tried, with the
brackets that they need. The time is linear in the text.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache

from verl_reflect.tasks.base import SEARCHED_IN_REFLECTION
from verl_reflect.tasks.expressions.arithmetic import OPERATOR_SPELLINGS, NotArithmetic, Postfix, evaluate, parse
from verl_reflect.tasks.notation import plain

_TOKEN = re.compile(r"[0-9]+(?:[.,][0-9]+)*|\\?[^\W\d_]+|\\[{}]|\S")
_WORDS = {
    "x": "*",
    "times": "*",
    "multiplied": "*",
    "plus": "+",
    "add": "+",
    "minus": "-",
    "subtract": "-",
    "divided": "/",
}
_PASSED_OVER = {"by", "$", "`", r"\left", r"\right"}
_CONNECTING = {",", "and", "then"}
"""Passed over before an operator, as in `3 times 8, and then add 5`; between two sums they end the first."""
_OPENING, _CLOSING = ("(", "[", r"\{", "{"), (")", "]", r"\}", "}")
_OPERATORS = {*"+-*/", *OPERATOR_SPELLINGS}
_PARTS = {*_OPENING, *_CLOSING, *_OPERATORS, r"\frac"}
_MAX_DIGITS = 15

Permits = Callable[[Sequence[int]], bool]


def states_expression(text: str, target: int, sizes: Sequence[int], permits: Permits, steps_permit: Permits) -> bool:
    """Whether an expression in the text has the value `target`.

    Args:
        sizes: How many numbers an expression may have.
        permits: Whether an expression may have just these numbers.
        steps_permit: Whether a step on the way may.
    """
    tokens = _with_steps(_tokens(text), steps_permit)
    places = [place for place, token in enumerate(tokens) if _is_number(token)]
    numbers = tuple(int(tokens[place]) for place in places)
    permitted = cache(permits)  # the same numbers over and over are counted once
    spans = {
        _in_brackets(tokens, places[start], places[start + size - 1])
        for size in sizes
        for start in range(len(numbers) - size + 1)
        if permitted(numbers[start : start + size])
    }
    return any(_value(span) == target for span in spans)


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    waiting = False
    for word in _TOKEN.findall(plain(text[-SEARCHED_IN_REFLECTION:]).lower()):
        token = _WORDS.get(word, word)
        if token in _CONNECTING:
            waiting = True
        elif token not in _PASSED_OVER:
            tokens += [",", token] if waiting and token not in _OPERATORS else [token]
            waiting = False
    return tokens


def _is_number(token: str) -> bool:
    return token.isdecimal() and token.isascii() and len(token) <= _MAX_DIGITS


def _value(span: Sequence[str]) -> object:
    """The exact value of an expression; None where the span is none, or divides by zero."""
    expression = _parsed(span)
    return evaluate(expression) if expression else None


def _parsed(span: Sequence[str]) -> Postfix | None:
    try:
        return parse(" ".join(span))
    except NotArithmetic:
        return None


def _in_brackets(tokens: Sequence[str], first: int, last: int) -> tuple[str, ...]:
    """The tokens from one number to another, with the brackets around them that those between leave unclosed."""
    depth = lowest = 0
    for token in tokens[first : last + 1]:
        depth += (token in _OPENING) - (token in _CLOSING)
        lowest = min(lowest, depth)
    start = _reach(tokens, first, -1, _OPENING, -lowest)
    end = _reach(tokens, last, +1, _CLOSING, depth - lowest)
    if start > 0 and tokens[start - 1] == r"\frac":
        start -= 1
    return tuple(tokens[start : end + 1])


def _reach(tokens: Sequence[str], place: int, step: int, brackets: tuple[str, ...], wanted: int) -> int:
    """Where the last of so many brackets stands, going from `place` over nothing but them."""
    while wanted and 0 <= place + step < len(tokens) and tokens[place + step] in (*brackets, r"\frac"):
        place += step
        wanted -= tokens[place] in brackets
    return place


def _with_steps(tokens: Sequence[str], permits: Permits) -> list[str]:
    """The tokens with every result of an earlier step, such as the 24 of `3 * 8 = 24`, replaced by that step."""
    replaced: list[str] = []
    steps: dict[str, list[str]] = {}
    for place, token in enumerate(tokens):
        result = tokens[place + 1] if token == "=" and place + 1 < len(tokens) else ""
        if _is_number(result) and not permits([int(result)]):
            step = _step(replaced, permits)
            if _value(step) == int(result):
                steps[result] = ["(", *step, ")"]
        replaced += steps.get(token, [token])
    return replaced


def _step(tokens: Sequence[str], permits: Permits) -> tuple[str, ...]:
    """The expression that the tokens end in, if it may have its numbers."""
    start = len(tokens)
    while start and (_is_number(tokens[start - 1]) or tokens[start - 1] in _PARTS):
        start -= 1
    places = [place for place in range(start, len(tokens)) if _is_number(tokens[place])]
    if not permits([int(tokens[place]) for place in places]) or len(places) < 2:
        return ()
    return _in_brackets(tokens, places[0], places[-1])
