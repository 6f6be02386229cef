r"""Undoes what LaTeX answers differ in and do not mean: spacing, `\dfrac` for `\frac`, `\text{…}`, `$`, `\%`."""

import re

_SPELLINGS = [
    (re.compile(r"\\[dtc]frac(?![a-zA-Z])"), r"\\frac"),
    (re.compile(r"\\(?:left|right)(?![a-zA-Z])|\\displaystyle(?![a-zA-Z])|\\[!,;:>]|\\ |~|\$"), ""),
    (re.compile(r"\\(?=[$%])"), ""),
    (re.compile(r"\{([,:])\}"), r"\1"),
    (re.compile(r"[\N{MINUS SIGN}\N{EN DASH}]"), "-"),
    (re.compile(r"\^(?:\\circ|\{\\circ\})|\\degree|\N{DEGREE SIGN}"), r"^\\circ"),
    (re.compile(r"(?<![0-9])\s+|\s+(?![0-9])"), ""),  # `2 3` is not `23`
]
_LAST = re.compile(r"(?:%|\^\\circ)?\.?$")
_TEXT = re.compile(r"\\(?:text|textbf|textit|textrm|mbox|mathrm|mathbf|rm)\s*\{([^{}]*)\}")


def spelled_alike(text: str) -> str:
    """The text with one spelling for what means the same; without a percent or degree sign at its end."""
    for spelling, plain in _SPELLINGS:
        text = spelling.sub(plain, text)
    return _LAST.sub("", _TEXT.sub(r"\1", text))


def without_percent(text: str) -> str:
    r"""The text without a percent sign at its end, since math-verify cannot read `12\%`."""
    return re.sub(r"\\?%\s*\.?$", "", text.strip())


def words(text: str) -> str | None:
    r"""What `\text{…}` says, without brackets around it and in lower case; None if that is not the whole text."""
    whole = _TEXT.fullmatch(text.strip().strip("$").rstrip("."))
    if whole is None or not any(map(str.isalpha, whole[1])):
        return None
    return said(whole[1])


def said(text: str) -> str:
    """The text in lower case, without wrapping, brackets around it, and spaces."""
    return "".join(_TEXT.sub(r"\1", text).split()).strip("().$").casefold()
