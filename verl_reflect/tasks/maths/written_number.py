r"""Reads an answer that is one number, exactly: `$1,234.50`, `42 apples`, `x = 42`, `20\%`, `3\frac{1}{2}`, `-.5`.

    answer = [label, ("=" | ":" | "is")], [sign], [currency], [sign], number, ["%"], [unit], ["."]
    number = digits and decimals, thousands grouped by commas or not | fraction | whole number and fraction

Labels and units are words, and are not looked at: `3 dozen` is 3, `50 cents` is 50. Anything else is no number here,
such as two numbers, or a sum.
"""

import re
from fractions import Fraction

_SPELLINGS = [
    (re.compile(r"\\[dtc]frac(?![a-zA-Z])"), r"\\frac"),
    (re.compile(r"\\(?:left|right)(?![a-zA-Z])|\\[!,;:]"), ""),
    (re.compile(r"\\(?=[$% ])"), ""),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"[\N{MINUS SIGN}\N{EN DASH}]"), "-"),
]
_PLAIN = r"(?P<plain>(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)"
_LATEX_FRACTION = r"\\frac\s*\{(?P<over>[0-9]+)\}\s*\{(?P<under>[0-9]+)\}"
_FRACTION = r"(?:(?P<whole>[0-9]+)\s+)?(?P<top>[0-9]+)\s*/\s*(?P<bottom>[0-9]+)"
_NUMBER = rf"(?:{_FRACTION}|(?P<integer>[0-9]+)?\s*{_LATEX_FRACTION}|{_PLAIN})"
_CURRENCY = r"(?:\$|[€£¥₹])?"
_UNIT = r"(?:\\(?:text|textbf|textrm|mathrm|mbox)\s*\{[^{}0-9]*\}|-?[A-Za-z][A-Za-z ./'-]*|\^\{?\\circ\}?|°)"
_POWER = r"(?:\^\{?[23]\}?|[²³])?"
_ANSWER = re.compile(
    rf"\s*\$?\s*(?:[A-Za-z][A-Za-z' ]*(?:[=:]|(?<= is)))?\s*(?P<minus>[-+]?)\s*{_CURRENCY}\s*(?P<minus2>-?){_NUMBER}"
    rf"\s*%?\s*\$?\s*(?:{_UNIT}{_POWER}\s*\$?)?\s*\.?\s*"
)


def read_number(text: str) -> Fraction | None:
    """The number that the text is, or None if it is not one. The caller keeps the text short."""
    for spelling, plain in _SPELLINGS:
        text = spelling.sub(plain, text)
    # One space for many: the pattern would try every way to divide a long run of them.
    found = _ANSWER.fullmatch(" ".join(text.strip("* \n").split()))
    if found is None:
        return None
    size = _size(found.groupdict())
    return -size if size is not None and (found["minus"] + found["minus2"]) == "-" else size


def _size(part: dict[str, str | None]) -> Fraction | None:
    if part["plain"]:
        return Fraction(part["plain"].replace(",", "").removesuffix("."))
    whole, top = part["whole"] or part["integer"] or "0", part["top"] or part["over"] or "0"
    bottom = int(part["bottom"] or part["under"] or "0")
    return int(whole) + Fraction(int(top), bottom) if bottom else None
