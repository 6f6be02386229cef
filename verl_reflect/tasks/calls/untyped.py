"""Values of formats that tell no types: `<parameter=days>3</parameter>` is a number or a text.

A server asks the tool's schema which one is meant. A verdict asks the value that is wanted instead, which has the type
that the schema asks for.
"""

from collections.abc import Iterator

from verl_reflect.tasks.calls.json_values import NotJson, read_json

_PYTHON = {"True": True, "False": False, "None": None}
"""Chat templates write these for JSON's constants, and so do models that learned from them."""


class Untyped(str):
    """The text of such a value."""

    __slots__ = ()

    def readings(self) -> Iterator[object]:
        """What it may mean: its own text, or the JSON value that it spells."""
        yield str(self)
        try:
            yield _PYTHON[self] if self in _PYTHON else read_json(self)
        except NotJson:
            return
