r"""Reads what multiplies the number before it: `million`, `k`, `lakh`, `万`, and parts such as `half` and `quarters`.

A capital `M` is a million; a small `m` is a metre, and no scale. A dozen or a pair is a unit, as things are counted in
them: the answer to how many dozen is `3 dozen`, and 3.
"""

import re
from fractions import Fraction

_LETTERS = {"k": 10**3, "K": 10**3, "M": 10**6, "B": 10**9, "b": 10**9}
_SHORT = {"mn": 10**6, "mln": 10**6, "bn": 10**9}
_WORDS = {
    **{"ten": 10, "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12},
    **{"lakh": 10**5, "crore": 10**7},
}
_CHINESE = {"百": 100, "千": 10**3, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_PARTS = {
    **{"half": 2, "halve": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "eighth": 8, "tenth": 10},
    **{"hundredth": 100, "thousandth": 1000},
}
_FACTORS = {
    **{name: Fraction(factor) for names in (_SHORT, _WORDS, _CHINESE) for name, factor in names.items()},
    **{name: Fraction(1, parts) for name, parts in _PARTS.items()},
}
_NAMES = "|".join(sorted((*_SHORT, *_WORDS, *_PARTS), key=len, reverse=True))

SCALE = rf"(?:\s?(?:[{''.join(_LETTERS)}]|(?i:{_NAMES})s?)(?![^\W\d_])|\s?[{''.join(_CHINESE)}])*"
"""A pattern for scales that follow a number."""

_SCALE = re.compile(rf"[{''.join(_CHINESE)}]|[a-zA-Z]+")


def factor(scales: str) -> Fraction:
    """What a text that fits the pattern multiplies by."""
    product = Fraction(1)
    for name in _SCALE.findall(scales):
        product *= _factor(name)
    return product


def _factor(name: str) -> Fraction:
    if name in _LETTERS:
        return Fraction(_LETTERS[name])
    name = name.lower()
    return _FACTORS.get(name) or _FACTORS[name.removesuffix("s")]
