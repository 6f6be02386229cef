"""When a value is one that the Berkeley Function Calling Leaderboard accepts for a parameter: its rules for Python.

The data list the accepted values of each parameter; `""` among them says that it may be left out. A value fits if

- its type is the declared one, where a whole number may stand for a float and a tuple for a list that is declared as a
  tuple; items of a list have the declared type, or that of the first accepted item;
- or its type is that of the first accepted value, where the data deviate from the declaration (a variable, null);
- and it is among the accepted values, where text counts without case, blanks and ``,./-_*^`` and with either quotes, in
  lists and objects too. The values of an object are lists of accepted values again; a list of objects goes in order.

The agreement with the leaderboard's own checker is measured by benchmarks/agree_bfcl.py.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

TYPES: Mapping[str, type] = {
    "string": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "any": str,
}
OMITTED = ""
"""Among the accepted values: the parameter may be left out."""

_IGNORED = re.compile(r"[ ,./\-_*^]")


class AcceptedObject(NamedTuple):
    """An object, some of whose keys may be left out."""

    values: Mapping[str, Sequence[Any]]
    required: frozenset[str]

    @classmethod
    def from_data(cls, accepted: Mapping[str, Sequence[Any]]) -> "AcceptedObject":
        return cls(
            {key: [_plain(value) for value in values] for key, values in accepted.items()},
            frozenset(key for key, values in accepted.items() if OMITTED not in values),
        )

    def admits(self, value: object) -> bool:
        return (
            isinstance(value, dict)
            and self.required <= value.keys()
            and all(key in self.values and _plain(item) in self.values[key] for key, item in value.items())
        )


class Parameter(NamedTuple):
    """What one parameter may be."""

    declared: str
    items: type | None
    """Type of a list's items."""
    accepted: Sequence[Any]
    written: type | None
    """Type of the first accepted value that is not OMITTED."""
    prepared: Sequence[Any]
    """The accepted values as `admits` compares them."""

    @classmethod
    def from_data(cls, declaration: Mapping[str, Any], accepted: Sequence[Any]) -> "Parameter":
        declared = declaration["type"]
        items = TYPES[declaration["items"]["type"]] if TYPES[declared] is list else None
        written = next((type(value) for value in accepted if value != OMITTED), None)
        return cls(declared, items, accepted, written, _prepared(TYPES[declared], items, accepted))

    def admits(self, value: object) -> bool:
        value = _converted(value, self.declared)
        expected = TYPES[self.declared]
        if type(value) is not expected or self.written not in (None, expected):
            return type(value) in (expected, self.written) and self._items_fit(value) and value in self.accepted
        return self._items_fit(value) and self._is_accepted(value)

    def _items_fit(self, value: object) -> bool:
        """Whether the items have the type of some accepted list's, one level deep."""
        if self.items is None or not isinstance(value, list):
            return True
        return any(_items_fit(value, self.items, accepted) for accepted in self.accepted)

    def _is_accepted(self, value: Any) -> bool:
        match value:
            case dict():
                return any(accepted.admits(value) for accepted in self.prepared)
            case list() if self.items is dict:
                return any(_all_admitted(value, accepted) for accepted in self.prepared)
            case list():
                return [_plain(item) for item in value] in self.prepared
            case _:
                return _plain(value) in self.prepared


def _converted(value: object, declared: str) -> object:
    if declared == "tuple" and isinstance(value, tuple):
        return list(value)
    if declared == "float" and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            return value
    return value


def _prepared(expected: type, items: type | None, accepted: Sequence[Any]) -> list[Any]:
    if expected is dict:
        return [AcceptedObject.from_data(value) for value in accepted if isinstance(value, Mapping)]
    lists = [value or [] for value in accepted if isinstance(value, list) or value == OMITTED]
    if items is dict:
        return [list(map(AcceptedObject.from_data, value)) for value in lists]
    if expected is list:
        return [list(map(_plain, value)) for value in lists]
    return [_plain(value) for value in accepted]


def _items_fit(value: list[Any], declared: type, accepted: object) -> bool:
    if not isinstance(accepted, list):
        return True
    written = next((type(item) for item in accepted if item != OMITTED), None)
    return all(type(item) in (declared, written) for item in value)


def _all_admitted(value: list[Any], accepted: Sequence[AcceptedObject]) -> bool:
    return len(value) == len(accepted) and all(map(AcceptedObject.admits, accepted, value))


def _plain(value: Any) -> Any:
    """Text without what the leaderboard ignores; anything else as it is."""
    return _IGNORED.sub("", value).lower().replace("'", '"') if isinstance(value, str) else value
