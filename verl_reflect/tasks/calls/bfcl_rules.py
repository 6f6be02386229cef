"""When a value is one that the Berkeley Function Calling Leaderboard accepts for a parameter: its rules for Python.

The data list the accepted values of each parameter; `""` among them says that it may be left out. A value fits if

- its type is the declared one, where a whole number may stand for a float and a tuple for a list that is declared as a
  tuple; items of a list have the declared type, or that of the first accepted item;
- or its type is that of the first accepted value, where the data deviate from the declaration (a variable, null);
- and it is among the accepted values, where text counts without case, blanks and ``,./-_*^`` and with either quotes, in
  lists and objects too. The values of an object are lists of accepted values again; a list of objects goes in order.

The agreement with the leaderboard's own checker is measured by benchmarks/agree_bfcl.py.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from verl_reflect.tasks.calls.untyped import Untyped

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

_IGNORED = str.maketrans("'", '"', " ,./-_*^")


class Parameter(NamedTuple):
    """What one parameter may be."""

    declared: str
    items: type | None
    """Type of a list's items."""
    accepted: Sequence[Any]
    written: type | None
    """Type of the first accepted value that is not OMITTED."""

    @classmethod
    def from_data(cls, declaration: Mapping[str, Any], accepted: Sequence[Any]) -> "Parameter":
        """Raises KeyError or TypeError for malformed data."""
        declared = declaration["type"]
        items = TYPES[declaration["items"]["type"]] if TYPES[declared] is list else None
        if TYPES[declared] is dict or items is dict:
            _check_objects(accepted)
        return cls(declared, items, accepted, _first_type(accepted))

    def admits(self, value: object) -> bool:
        """Whether the value is right; one whose format tells no type, in any of its readings."""
        if type(value) is Untyped:
            return any(map(self.admits, value.readings()))
        value = _converted(value, self.declared)
        expected = TYPES[self.declared]
        if type(value) is not expected or self.written not in (None, expected):
            return type(value) in (expected, self.written) and self._items_fit(value) and value in self.accepted
        if isinstance(value, dict):
            return any(_object_fits(value, accepted) for accepted in self.accepted)
        if isinstance(value, list):
            return self._items_fit(value) and any(self._list_fits(value, accepted) for accepted in self.accepted)
        return value in self.accepted or (isinstance(value, str) and _plain(value) in map(_plain, self.accepted))

    def _items_fit(self, value: object) -> bool:
        """Whether the items have the type of some accepted list's, one level deep."""
        if self.items is None or not isinstance(value, list):
            return True
        return any(_items_fit(value, self.items, accepted) for accepted in self.accepted)

    def _list_fits(self, value: list[Any], accepted: Any) -> bool:
        if accepted == OMITTED:  # the leaderboard takes an empty list for one that is left out
            return not value
        if not isinstance(accepted, list) or len(value) != len(accepted):
            return False
        if self.items is dict:
            return all(map(_object_fits, value, accepted))
        return list(map(_plain, value)) == list(map(_plain, accepted))


def _check_objects(accepted: Sequence[Any]) -> None:
    for value in accepted:
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and not all(isinstance(values, list) for values in item.values()):
                raise TypeError(f"an object of lists of accepted values was expected, not {item!r}")


def _first_type(accepted: Sequence[Any]) -> type | None:
    for value in accepted:
        if value != OMITTED:
            return type(value)
    return None


def _converted(value: object, declared: str) -> object:
    if declared == "tuple" and isinstance(value, tuple):
        return list(value)
    if declared == "float" and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            return value
    return value


def _items_fit(value: list[Any], declared: type, accepted: object) -> bool:
    if not isinstance(accepted, list):
        return True
    fitting = (declared, _first_type(accepted))
    return all(type(item) in fitting for item in value)


def _object_fits(value: object, accepted: object) -> bool:
    """Whether the object has accepted values, and every key that may not be left out."""
    if not isinstance(value, dict) or not isinstance(accepted, dict):
        return False
    return all(key in value or OMITTED in values for key, values in accepted.items()) and all(
        key in accepted and _plain(item) in map(_plain, accepted[key]) for key, item in value.items()
    )


def _plain(value: Any) -> Any:
    """Text without what the leaderboard ignores; anything else as it is."""
    return value.translate(_IGNORED).lower() if isinstance(value, str) else value
