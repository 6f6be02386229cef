"""Reads JSON that a model wrote, within bounds and without the gaps that `json.loads` leaves open.

Refused are NaN and Infinity (not JSON, and NaN equals nothing), an object that names a key twice (readers differ on
which one counts), and text beyond the bounds below. The bounds keep the time under a millisecond; JSON has no
references, so what is read is never much larger than the text.
"""

import json
import re
from typing import Any

MAX_CHARS = 20_000
"""Longest text read. The calls of one response take hundreds of characters."""

MAX_BRACKETS = 900
"""Lists and objects in one text. It bounds their depth too, within what Python's own reader recurses to."""

_BETWEEN = re.compile(r"[\s;]*")


class NotJson(ValueError):  # noqa: N818  (it names what the text is, not a fault of the program)
    """The text is not JSON as read here."""


def read_json(text: str) -> Any:
    """The one value that `text` holds. Raises NotJson."""
    values = read_json_values(text)
    if len(values) != 1:
        raise NotJson(f"{len(values)} JSON values where one was expected")
    return values[0]


def read_json_values(text: str) -> list[Any]:
    """The values in `text`, which stand alone or with blanks, line breaks or `;` between them. Raises NotJson."""
    if len(text) > MAX_CHARS or text.count("[") + text.count("{") > MAX_BRACKETS:
        raise NotJson("too long or too deep")
    values = []
    position = end_of_blanks(text, 0)
    while position < len(text):
        value, end = read_json_at(text, position)
        values.append(value)
        position = end_of_blanks(text, end)
    return values


def read_json_at(text: str, position: int) -> tuple[Any, int]:
    """The value that starts at `position`, and where it ends, whatever follows. Raises NotJson."""
    try:
        return _DECODER.raw_decode(text, position)
    except NotJson:
        raise
    except (ValueError, RecursionError) as error:  # ValueError: also a number of thousands of digits
        raise NotJson("not valid JSON") from error


def end_of_blanks(text: str, start: int) -> int:
    """Where the blanks, line breaks and `;` that start at `start` end."""
    match = _BETWEEN.match(text, start)
    return match.end() if match else start


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson("a key stands twice in one object")
    return found


def _refuse(constant: str) -> None:
    raise NotJson(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse)
