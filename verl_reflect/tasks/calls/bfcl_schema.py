"""The leaderboard's descriptions of functions, in the OpenAI schema that chat templates take."""

from collections.abc import Mapping
from typing import Any

_TYPES = {"dict": "object", "float": "number", "tuple": "array"}


def openai_tool(function: Mapping[str, Any]) -> dict[str, Any]:
    """The function as a tool, its name with its dots: that is how a call must name it."""
    return {"type": "function", "function": {**function, "parameters": _schema(function["parameters"])}}


def _schema(declaration: Mapping[str, Any]) -> dict[str, Any]:
    schema = {**declaration}
    if "type" in schema:
        schema["type"] = _TYPES.get(schema["type"], schema["type"])
    if schema.get("type") == "any":  # the JSON schema of a value of any type has no type
        del schema["type"]
    if "properties" in schema:
        schema["properties"] = {name: _schema(value) for name, value in schema["properties"].items()}
    if "items" in schema:
        schema["items"] = _schema(schema["items"])
    return schema
