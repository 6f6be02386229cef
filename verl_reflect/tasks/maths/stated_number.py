r"""Finds numbers that stand by themselves in running text: `18`, `$1,234.50`, `-3`, `3/4`, `\frac{3}{4}`, `2 million`.

Digits within a word are none (`x18`), and neither is what counts points and steps (`2. First`, `Step 2:`). A minus
belongs to a number where nothing stands before it that it could be taken from.
"""

import re
from fractions import Fraction

from verl_reflect.tasks.base import SEARCHED_IN_REFLECTION
from verl_reflect.tasks.maths.scale import SCALE, factor
from verl_reflect.tasks.symbols import in_ascii

_MAX_CHARS = 30
"""Longer numbers are passed over."""

_LIGATURES = re.compile("[\ufdfa\ufdfb]")
_COUNTS = re.compile(r"^[ \t>*#(-]{0,9}[0-9]{1,2}[.):](?=\s)|\bstep [0-9]{1,2}\b", re.IGNORECASE | re.MULTILINE)
_PLAIN = r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|\.[0-9]+"
_NUMBER = re.compile(
    r"((?<![\w)}\]%])[-\N{MINUS SIGN}]\\?[$€£]?|(?<![\w.]))"
    rf"(?:\\[dt]?frac\s?\{{([0-9]+)\}}\s?\{{([0-9]+)\}}|([0-9]+)\s?/\s?([0-9]+)|({_PLAIN}))({SCALE})"
)
"""Groups: minus, top and bottom of a fraction, the same of one with a slash, any other number, and its scale."""


def searched(text: str) -> str:
    """The part of a running text that is searched, without characters that NFKC makes many of."""
    return _LIGATURES.sub(" ", text[-SEARCHED_IN_REFLECTION:])


def numbers_in(text: str) -> set[Fraction]:
    """The values of all numbers that stand by themselves in the text."""
    spellings = set(_NUMBER.findall(_COUNTS.sub("", in_ascii(searched(text)))))
    return {value for spelling in spellings if (value := _value(*spelling)) is not None}


def _value(minus: str, top: str, bottom: str, over: str, under: str, plain: str, scale: str) -> Fraction | None:
    if max(map(len, (top, bottom, over, under, plain))) > _MAX_CHARS:
        return None
    sign = (-1 if minus else 1) * factor(scale[:_MAX_CHARS])
    if plain:
        return sign * Fraction(plain.replace(",", ""))
    below = int(bottom or under)
    return sign * Fraction(int(top or over), below) if below else None
