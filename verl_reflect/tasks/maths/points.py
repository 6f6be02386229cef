r"""Writes a point by its coordinates: `(x,y)=(1,2)`, `A(1,2)`, `\langle 1,2\rangle` and `x=1, y=2` as `(1,2)`."""

import re

_NAME = r"[a-zA-Z](?:_\{?\w\}?)?'?"
_NAMES = rf"\(\s?{_NAME}(?:\s?,\s?{_NAME})+\s?\)"
_NAMED = re.compile(rf"(?:{_NAMES}|{_NAME})\s?=\s?(?=[(\[])|[A-Z]'?\s?(?=\()")
_NAMES_GIVEN = re.compile(rf"\(\s?({_NAME}(?:\s?,\s?{_NAME})+)\s?\)\s?=")
_ANGLE = re.compile(r"\\langle(?![a-zA-Z])\s?(.+?)\s?\\rangle")
_COLUMN = re.compile(r"\\begin\{[pb]?matrix\}([^&]+)\\end\{[pb]?matrix\}")
_POINT = re.compile(r"\(.+,.+\)")
_VALUE = re.compile(rf"({_NAME})\s?=\s?([^=,]+)")


def is_point(text: str) -> bool:
    """Whether a plain text is coordinates in brackets, under a name or not."""
    return _POINT.fullmatch(coordinates(text)) is not None


def coordinates(text: str) -> str:
    """The plain text without the name of what has the coordinates."""
    text = _ANGLE.sub(r"(\1)", text)
    named = _NAMED.match(text)
    return text[named.end() :] if named and text.endswith((")", "]")) else text


def point(text: str, like: str) -> str:
    """A plain text that is compared with a point, `like`, as coordinates."""
    if column := _COLUMN.fullmatch(text):
        return f"({','.join(row.strip() for row in column[1].split(chr(92) * 2) if row.strip())})"
    parts = [_VALUE.fullmatch(part) for part in re.split(r"\s?,\s?| and ", text)]
    values = {part[1]: part[2] for part in parts if part}
    if len(values) < 2 or len(values) != len(parts):
        return coordinates(text)
    return f"({','.join(values[name].strip() for name in _order(values, like))})"


def _order(values: dict[str, str], like: str) -> list[str]:
    """The names in the order of the point's, or of the alphabet."""
    given = _NAMES_GIVEN.match(like)
    names = re.split(r"\s?,\s?", given[1]) if given else []
    return names if set(names) == set(values) else sorted(values)
