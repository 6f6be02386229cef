r"""Undoes what LaTeX answers differ in and do not mean: spacing, `\dfrac` for `\frac`, `\text{…}`, `$`, `\%`."""

import re
from fractions import Fraction

_SPELLINGS = [
    (re.compile(r"\\[dtc]frac(?![a-zA-Z])"), r"\\frac"),
    (re.compile(r"\\(?:left|right)(?![a-zA-Z])|\\displaystyle(?![a-zA-Z])|\\[!,;:>]|\\ |~|\$"), ""),
    (re.compile(r"\\(?=[$%])"), ""),
    (re.compile(r"\{([,:])\}"), r"\1"),
    (re.compile(r"[\N{MINUS SIGN}\N{EN DASH}]"), "-"),
    (re.compile(r"\^(?:\\circ|\{\\circ\})|\\degree|\N{DEGREE SIGN}"), r"^\\circ"),
    (re.compile(r"(?<![0-9])\s+|\s+(?![0-9])"), ""),  # `2 3` is not `23`
]
_UNREAD = [
    (re.compile(r"\\?%\s*\.?\s*$"), ""),
    (re.compile(r"(?<=[0-9])(?:\\[,!]|\{,\})(?=[0-9])"), ""),
    (re.compile(r"(?<=[0-9])i(?![a-zA-Z])"), " i"),
]
_REPEATING = re.compile(r"(?P<whole>[0-9]*)\.(?P<start>[0-9]*)\\overline\s*\{(?P<period>[0-9]+)\}")
_LAST = re.compile(r"(?:%|\^\\circ)?\.?$")
_TEXT = re.compile(r"\\(?:text|textbf|textit|textrm|mbox|mathrm|mathbf|rm)\s*\{([^{}]*)\}")


def spelled_alike(text: str) -> str:
    """The text with one spelling for what means the same; without a percent or degree sign at its end."""
    for spelling, plain in _SPELLINGS:
        text = spelling.sub(plain, text)
    return _LAST.sub("", _TEXT.sub(r"\1", text))


def readable(text: str) -> str:
    r"""The text as math-verify reads it: no `%` at its end, `1000` for `1\,000`, `4 i` for `4i`, 1/3 for 0.333…"""
    for unread, read in _UNREAD:
        text = unread.sub(read, text)
    return _REPEATING.sub(_fraction, text)


def _fraction(decimals: re.Match[str]) -> str:
    """0.1666…, written with a bar over its last digit, is 1/10 + 6/90."""
    whole, start, period = decimals.groups()
    power = 10 ** len(start)
    value = Fraction(int(f"0{whole}{start}"), power) + Fraction(int(period), (10 ** len(period) - 1) * power)
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def words(text: str) -> str | None:
    r"""What `\text{…}` says, without brackets around it and in lower case; None if that is not the whole text."""
    whole = _TEXT.fullmatch(text.strip().strip("$").rstrip("."))
    if whole is None or not any(map(str.isalpha, whole[1])):
        return None
    return said(whole[1])


def said(text: str) -> str:
    """The text in lower case, without wrapping, brackets around it, and spaces."""
    return "".join(_TEXT.sub(r"\1", text).split()).strip("().$").casefold()
