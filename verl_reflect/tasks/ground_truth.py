"""Reads a row's ground truth, given as JSON text or as the mapping itself. Its faults are faults of the data."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any


def read_truth(value: object, keys: Sequence[str]) -> Mapping[str, Any]:
    """The mapping, which has all of `keys`. Raises ValueError, naming the fault, for anything else."""
    truth = read_json_text(value, "a ground truth given as a string") if isinstance(value, str) else value
    if not isinstance(truth, Mapping) or not set(keys) <= truth.keys():
        raise ValueError(f"a ground truth here has the keys {', '.join(keys)}, not {value!r:.500}")
    return truth


def read_json_text(text: str, what: str) -> Any:
    """The value in `text`. Raises ValueError that starts with `what`."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} must be JSON ({error}), not {text!r:.500}") from error


def check_json(value: object, what: str) -> None:
    """Raise ValueError that starts with `what` unless JSON can hold the value: then it can be compared."""
    match value:
        case None | bool() | int() | str():
            return
        case float() if math.isfinite(value):
            return
        case list():
            for item in value:
                check_json(item, what)
        case dict() if all(isinstance(key, str) for key in value):
            for item in value.values():
                check_json(item, what)
        case _:
            raise ValueError(f"{what} must be made of what JSON can hold, not {value!r:.500}")


def call_of(value: object, what: str) -> tuple[str, dict[str, Any]]:
    """The name and arguments of a call in the data. Raises ValueError that starts with `what`."""
    match value:
        case {"name": str(name), "arguments": dict(arguments)}:
            check_json(arguments, what)
            return name, arguments
    raise ValueError(f"{what} must be made of calls with a name and arguments, not {value!r:.500}")
