r"""Reads a result that an equation states: `2+3=5`, `\binom{10}{3}=120`, `P(A)=\frac12`, `12 = 5+7`.

One of its sides is the result, the others say what it is of: a name, such as `P(A)`, or work that is done. Work of
numbers alone must come to the result, so that `42=43` states nothing; of names nobody knows what they stand for.
"""

import re
from collections.abc import Callable
from fractions import Fraction

from verl_reflect.tasks.maths.latex import readable
from verl_reflect.tasks.maths.unit import denies
from verl_reflect.tasks.maths.written_number import number_of

_EQUALS = re.compile(r"(?:(?<![=<>!:~\\])|(?<=[0-9)]!))=(?!=)")
MOST_SIDES = 8
"""Of an equation that is read; a comparison is made of each."""

_NO_NAME = re.compile(
    r"[,;<>?\n]|\\\\|\bor\b|\band\b|\\(?:le|leq|ge|geq|lt|gt|ne|neq|not|in|notin|lor|vee|land|wedge|to|cup|pm|mp|sim|approx|mid|"
    r"Rightarrow|rightarrow|iff)(?![a-zA-Z])"
)
_BRACKETS = re.compile(r"\([^()]*\)|\{[^{}]*\}|\[[^\[\]]*\]")
_FUNCTION = re.compile(
    r"\\(?!(?:angle|triangle|alpha|beta|gamma|delta|epsilon|theta|lambda|mu|nu|rho|sigma|tau|phi|omega|ell)(?![a-zA-Z]))[a-zA-Z]+"
    r"|(?<![a-zA-Z])(?:gcd|lcm|log|ln|sqrt|sin|cos|tan|max|min|pi)(?![a-zA-Z])"
)
_NAME = re.compile(r"[^\W\d_]")
_CURRENCY = re.compile(r"\\?[$]|[€£¥₹]|\\?%")

Equal = Callable[[str, str], bool]
"""Compares two texts of numbers, one of them worked out."""


def sides(text: str) -> list[str]:
    """What stands between the signs of equality of a plain text; a text without one has one side."""
    return [side.strip() for side in _EQUALS.split(text)]


def stated_number(text: str, equal: Equal, beside_variables: bool = False) -> Fraction | None:
    """The number that a plain text states as its result; None if there is none, or more than one."""
    parts = sides(text)
    if not 1 < len(parts) <= MOST_SIDES:
        return None
    numbers = {part: number_of(part, False, beside_variables) for part in parts}
    values = {value for value in numbers.values() if value is not None}
    if len(values) != 1 or all(number_of(part) is None for part in parts):
        return None
    [result] = values
    rest = [part for part, value in numbers.items() if value is None]
    return result if all(is_of(part, str(result), equal) for part in rest) else None


def is_of(side: str, result: str, equal: Equal) -> bool:
    """Whether the side can be said to be the result: it names something, or is work that comes to it."""
    outer = side
    for _ in range(4):
        outer = _BRACKETS.sub(" ", outer)
    if not side or _NO_NAME.search(outer) or denies(side):
        return False
    return True if has_names(side) else equal(readable(result), readable(_CURRENCY.sub("", side)))


def has_names(side: str) -> bool:
    r"""Whether it has letters that stand for something unknown here: `x`, `\theta`, words, but no `\sqrt` and `gcd`."""
    return _NAME.search(_FUNCTION.sub(" ", side)) is not None
