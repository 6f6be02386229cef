r"""Finds numbers that stand by themselves in running text: `18`, `$1,234.50`, `-3`, `3/4`, `\frac{3}{4}`.

Digits within a word are none (`x18`), and neither is what counts points and steps (`2. First`, `Step 2:`). A minus
belongs to a number where nothing stands before it that it could be taken from.
"""

import re
from fractions import Fraction

from verl_reflect.tasks.base import SEARCHED_IN_REFLECTION

_MAX_CHARS = 30
"""Longer numbers are passed over."""

_COUNTS = re.compile(r"^[ \t>*#(-]{0,9}[0-9]{1,2}[.):](?=\s)|\bstep [0-9]{1,2}\b", re.IGNORECASE | re.MULTILINE)
_PLAIN = r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|\.[0-9]+"
_NUMBER = re.compile(
    r"((?<![\w)}\]%])[-\N{MINUS SIGN}]\\?[$€£]?|(?<![\w.]))"
    rf"(?:\\[dt]?frac\s?\{{([0-9]+)\}}\s?\{{([0-9]+)\}}|([0-9]+)\s?/\s?([0-9]+)|({_PLAIN}))"
)
"""Groups: minus, top and bottom of a fraction, the same of one with a slash, and any other number."""


def numbers_in(text: str) -> set[Fraction]:
    """The values of all numbers that stand by themselves in the text."""
    spellings = set(_NUMBER.findall(_COUNTS.sub("", text[-SEARCHED_IN_REFLECTION:])))
    return {value for spelling in spellings if (value := _value(*spelling)) is not None}


def _value(minus: str, top: str, bottom: str, over: str, under: str, plain: str) -> Fraction | None:
    if max(map(len, (top, bottom, over, under, plain))) > _MAX_CHARS:
        return None
    sign = -1 if minus else 1
    if plain:
        return sign * Fraction(plain.replace(",", ""))
    below = int(bottom or under)
    return sign * Fraction(int(top or over), below) if below else None
