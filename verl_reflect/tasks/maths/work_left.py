r"""Tells from the text what an answer leaves to do where math-verify does it at once: `\gcd(84,36)`, `\frac{2}{4}`.

All else that an answer can leave to do is told from what math-verify has read (see `form`).
"""

import re
from math import gcd

_FUNCTION = re.compile(r"\\[dt]?binom|\\choose|(?<![a-zA-Z])(?:gcd|lcm|mod|bmod|pmod|det)(?![a-zA-Z])|\\(?:bmod|pmod)")
_FRACTION = re.compile(
    r"\\frac\s?\{\s?-?([0-9]{1,30})\s?\}\s?\{\s?-?([0-9]{1,30})\s?\}|(?<![0-9.^{])([0-9]{1,30})\s?/\s?([0-9]{1,30})(?![0-9.])"
)


def leaves_no_more(gold: str, answer: str) -> bool:
    """Whether the answer, as plain text, leaves nothing of this to do that the gold one does not."""
    return _left(answer) <= _left(gold)


def _left(text: str) -> set[str]:
    left = {found[0].strip("\\").removeprefix("d").removeprefix("t") for found in _FUNCTION.finditer(text)}
    if any(_can_be_reduced(found) for found in _FRACTION.finditer(text)):
        left.add("fraction")
    return left


def _can_be_reduced(fraction: re.Match[str]) -> bool:
    top, bottom = int(fraction[1] or fraction[3]), int(fraction[2] or fraction[4])
    return bottom == 1 or gcd(top, bottom) > 1
