"""Reads records of the xLAM / APIGen schema, whose columns `tools` and `answers` are JSON text.

    tools    [{"name": …, "description": …, "parameters": {name: {"description": …, "type": …, "default": …}}}, …]
    answers  [{"name": …, "arguments": {…}}, …]

Types are spelled as Python's, `List[int]` or `str, optional`, and become JSON schema's. One without a counterpart, such
as `Union[int, str]`, is left out: the schema then allows anything, as the tool does. A parameter is required unless it
is marked as optional or has a default.

The columns may also be nested, as JSON or parquet has them. A null field of nested objects is no field: parquet gives
every object the fields of all others, as null. In JSON text a null is a value.
"""

import re
from collections.abc import Mapping
from typing import Any

from verl_reflect.tasks.ground_truth import call_of, read_json_text

COLUMNS = ("query", "tools", "answers")

XlamRecord = tuple[str, list[dict[str, Any]], list[tuple[str, dict[str, Any]]]]
"""The question, the tools in OpenAI's schema, and the name and arguments of each call."""

_OPTIONAL = re.compile(r",\s*optional\s*\Z|\AOptional\[", re.IGNORECASE)
_GENERIC = re.compile(r"(\w+)(?:\[(.*)\])?", re.DOTALL)
_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "dict": "object"}
_LISTS = ("list", "tuple", "set")


def read_record(record: object) -> XlamRecord:
    """Raises ValueError, naming the fault, for a malformed record, and for calls that its tools do not allow."""
    if not isinstance(record, Mapping) or not set(COLUMNS) <= record.keys():
        raise ValueError(f"a row has the columns {', '.join(COLUMNS)}, not {record!r:.500}")
    if not isinstance(record["query"], str) or not record["query"].strip():
        raise ValueError(f"'query' must be a question, not {record['query']!r}")
    tools = [_tool(tool) for tool in _listed(record, "tools")]
    calls = [call_of(answer, "'answers'") for answer in _listed(record, "answers")]
    _check_calls(calls, {tool["name"]: tool["parameters"]["properties"] for tool in tools})
    return record["query"], [{"type": "function", "function": tool} for tool in tools], calls


def _listed(record: Mapping[str, Any], column: str) -> list[Any]:
    value = record[column]
    parsed = read_json_text(value, repr(column)) if isinstance(value, str) else _without_nulls(value)
    if not isinstance(parsed, list):
        raise ValueError(f"{column!r} must be a list, not {value!r:.500}")
    return parsed


def _without_nulls(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return list(map(_without_nulls, value)) if isinstance(value, list | tuple) else value


def _check_calls(calls: list[tuple[str, dict[str, Any]]], tools: Mapping[str, Mapping[str, Any]]) -> None:
    """No response could meet an answer that calls what the question does not offer."""
    for name, arguments in calls:
        if name not in tools:
            raise ValueError(f"'answers' calls {name!r}, which is not among the tools {', '.join(tools)}")
        for parameter in arguments:
            if parameter not in tools[name]:
                raise ValueError(f"'answers' gives {name!r} a {parameter!r}, which the tool does not have")


def _tool(tool: object) -> dict[str, Any]:
    match tool:
        case {"name": str(name), "parameters": dict(parameters), **rest}:
            schema = {
                "type": "object",
                "properties": {key: _parameter(key, value) for key, value in parameters.items()},
                "required": [key for key, value in parameters.items() if _is_required(value)],
            }
            return {"name": name, "description": str(rest.get("description", "")), "parameters": schema}
    raise ValueError(f"'tools' must be made of tools with a name and parameters, not {tool!r:.500}")


def _parameter(name: str, parameter: object) -> dict[str, Any]:
    if not isinstance(parameter, dict) or not isinstance(parameter.get("type"), str):
        raise ValueError(f"'tools' has a parameter {name!r} without a type: {parameter!r:.500}")
    described = {key: parameter[key] for key in ("description", "default") if key in parameter}
    return {**json_type(parameter["type"]), **described}


def _is_required(parameter: Mapping[str, Any]) -> bool:
    return "default" not in parameter and not _OPTIONAL.search(parameter["type"])


def json_type(spelled: str) -> dict[str, Any]:
    """JSON schema's name for a type: `{"type": "array", "items": {"type": "integer"}}` for `List[int]`."""
    generic = _GENERIC.fullmatch(re.sub(r",\s*optional\s*\Z", "", spelled.strip(), flags=re.IGNORECASE))
    if not generic:
        return {}
    name, inner = generic[1].lower(), generic[2]
    if name == "optional" and inner:
        return json_type(inner)
    if name in _LISTS:
        items = {} if inner is None else _one_type(inner)
        return {"type": "array", "items": items} if items else {"type": "array"}
    return {"type": _TYPES[name]} if name in _TYPES else {}


def _one_type(listed: str) -> dict[str, Any]:
    """What the types between a list's brackets agree on: `float` for `float, float`."""
    parts = [part for part in re.split(r",(?![^\[]*\])", listed) if part.strip() != "..."]
    first, *others = map(json_type, parts)
    return first if all(other == first for other in others) else {}
