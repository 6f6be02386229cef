r"""Undoes what LaTeX answers differ in and do not mean, beyond `notation`: spaces, units, `\%`, degrees, `pi`."""

import re

from verl_reflect.tasks.maths.unit import is_unit
from verl_reflect.tasks.notation import plain

_SPELLINGS = [
    (re.compile(r"\\(?=[$%])"), ""),
    (re.compile(r"\$"), ""),
    (re.compile(r"\^\s?(?:\\circ(?![a-zA-Z])|\{\s?\\circ\s?\})|\\degree(?![a-zA-Z])"), r"^\\circ"),
    (re.compile(r"(?<![0-9])\s+|\s+(?![0-9])"), ""),  # `2 3` is not `23`
    (re.compile(r"([_^])\{(\w)\}"), r"\1\2"),
]
_UNREAD = [
    (re.compile(r"\\?%\s*\.?\s*$"), ""),
    (re.compile(r"^\\\$\s*"), ""),
    (re.compile(r"(?<=[0-9])(?:\\[,!]|\{,\})(?=[0-9])"), ""),
    (re.compile(r"(?<=[0-9])i(?![a-zA-Z])"), " i"),
    (re.compile(r"(?<![a-zA-Z\\{])pi(?![a-zA-Z])"), r"\\pi "),
    (re.compile(r"(?<![a-zA-Z\\])sqrt\s?\(([^()]*)\)"), r"\\sqrt{\1}"),
    (re.compile(r"(?<![a-zA-Z\\])sqrt\s?([0-9]+)"), r"\\sqrt{\1}"),
    (re.compile(r"(?<![a-zA-Z\\{])(gcd|lcm)(?![a-zA-Z])"), r"\\\1 "),
    (re.compile(r"\s(?:and|or)\s"), ", "),
]
_TRIGONOMETRY = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-zA-Z])")
_DEGREES = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s?\^\s?(?:\\circ(?![a-zA-Z])|\{\s?\\circ\s?\})")
_LAST = re.compile(r"(?:%|\^\\circ)?\.?$")
_TEXT = re.compile(r"\\(?:text|textbf|textit|textrm|mbox|mathrm|mathbf|rm)\s*\{([^{}]*)\}")
_LAST_TEXT = re.compile(
    r"(?<=[^\s,])\s*(?:\\[,;:! ]|~)?\s*\\(?:text|textrm|mbox|mathrm|rm)\s*\{([^{}]*)\}(?:\s*\^\s*\{?[23]\}?)?[\s$.]*$"
)
_LAST_WORDS = re.compile(r"(?<=[0-9})a-z]) ([A-Za-z][A-Za-z ./]*)(?:\s?\^\s?\{?[23]\}?)?[\s$]*$")
_COMMAND = re.compile(r"\\[a-zA-Z]+")
_LETTER = re.compile(r"[a-zA-Z]")
_WORD = re.compile(r"[^\W\d_]{3,}|no", re.IGNORECASE)


def spelled_alike(text: str) -> str:
    """The text with one spelling for what means the same; without a percent or degree sign at its end."""
    text = plain(text)
    for spelling, instead in _SPELLINGS:
        text = spelling.sub(instead, text)
    return _LAST.sub("", text)


def without_unit(text: str) -> str:
    r"""The text without a unit at its end, marked as words, as in `2\sqrt{3}\text{ cm}`, or words without doubt."""
    unit = _LAST_TEXT.search(text)
    if unit and unit[1].strip() and is_unit(unit[1]):
        return text[: unit.start()]
    unit = _LAST_WORDS.search(text)
    return text[: unit.start()] if unit and is_unit(unit[1], beside_variables=True) else text


def letters(text: str) -> set[str]:
    """The letters of a plain text that are in no command."""
    return set(_LETTER.findall(_COMMAND.sub(" ", text)))


def readable(text: str) -> str:
    r"""A plain text as math-verify reads it: no `%` at its end, `4 i` for `4i`, `\pi` for `pi`, no degrees."""
    if _TRIGONOMETRY.search(text):
        text = _DEGREES.sub(r"{\\frac{\1\\pi}{180}}", text)
    for unread, read in _UNREAD:
        text = unread.sub(read, text)
    return text


def words(text: str) -> str | None:
    r"""What `\text{…}` says, or a word alone, without brackets and in lower case; None of other texts."""
    text = text.strip().strip("$").rstrip(".")
    whole = _TEXT.fullmatch(text)
    if whole is None and _WORD.fullmatch(text):
        return text.casefold()
    if whole is None or not any(map(str.isalpha, whole[1])):
        return None
    return said(whole[1])


def said(text: str) -> str:
    """The text in lower case, without wrapping, brackets around it, and spaces."""
    return "".join(plain(text).split()).strip("().$").casefold()
