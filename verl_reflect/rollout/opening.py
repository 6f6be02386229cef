"""How a task's messages and functions are put, so that the model of any family reads them.

Not every template has a system role, and not every one that takes `tools` shows them to the model. Both are tried with
words that are known.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from verl_reflect.rollout.chat_template import AGAIN, ANSWER, TASK, ChatTemplate, Message, assistant, system, user

SYSTEM, FUNCTION = "The system qzs", "function_qzf"
PROBE = {
    "type": "function",
    "function": {
        "name": FUNCTION,
        "description": "A function.",
        "parameters": {
            "type": "object",
            "properties": {"number": {"type": "integer", "description": "A number."}},
            "required": ["number"],
        },
    },
}

Tools = list[dict[str, Any]]
ToolPlace = Literal["template", "message", "text"]
"""Where a template shows functions: given to it, as `tools` of the system message, or only in words."""


@dataclass(frozen=True, eq=False)
class Opening:
    """Puts a task's messages as the template can take them."""

    template: ChatTemplate

    def __call__(self, messages: Sequence[Message], tools: Tools | None) -> tuple[list[dict[str, Any]], Tools | None]:
        """(messages, tools) for the template. A message's content is text, see session.messages_of."""
        put = [dict(message) for message in messages]
        if tools:
            put, tools = self._with_tools(put, tools)
        return (put if self.system_role else _system_in_the_first_user_turn(put)), tools or None

    @cached_property
    def system_role(self) -> bool:
        """A system message is written before the first turn, and stays there as the conversation grows."""
        try:
            text = self.template.text([system(SYSTEM), user(TASK), assistant(ANSWER), user(AGAIN)])
        except Exception:  # templates raise errors of every kind
            return False
        return -1 < text.find(SYSTEM) < text.find(TASK)

    @cached_property
    def place_of_tools(self) -> ToolPlace:
        """Where the functions of a task without a system message are shown."""
        return self._place_of_tools([user(TASK)])

    @cached_property
    def _place_beside_system(self) -> ToolPlace:
        return self._place_of_tools([system(SYSTEM), user(TASK)])

    def _place_of_tools(self, messages: list[Message]) -> ToolPlace:
        if self._shows(messages, [PROBE]):
            return "template"
        return "message" if self._shows(_tools_in_system(messages, [PROBE]), None) else "text"

    def _shows(self, messages: Sequence[Message], tools: Tools | None) -> bool:
        """The template writes the function, and all that the messages say."""
        try:
            text = self.template.text(messages, tools)
        except Exception:  # templates raise errors of every kind
            return False
        return FUNCTION in text and all(message["content"] in text for message in messages)

    def _with_tools(self, messages: list[dict[str, Any]], tools: Tools) -> tuple[list[dict[str, Any]], Tools | None]:
        beside_system = messages[0]["role"] == "system" and self.system_role
        place = self._place_beside_system if beside_system else self.place_of_tools
        if place == "template":
            return messages, tools
        return (_tools_in_system if place == "message" else _listed_in_system)(messages, tools), None


def _tools_in_system(messages: Sequence[Message], tools: Tools) -> list[dict[str, Any]]:
    """As `tools` of the system message: the functions as a JSON list."""
    head, rest = _system_and_rest(messages)
    functions = [tool.get("function", tool) for tool in tools]
    return [{**head, "tools": json.dumps(functions, ensure_ascii=False)}, *rest]


def _listed_in_system(messages: Sequence[Message], tools: Tools) -> list[dict[str, Any]]:
    """In words, after what the system message says."""
    head, rest = _system_and_rest(messages)
    listing = "You may call these functions:\n" + "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
    return [{**head, "content": f"{head['content']}\n\n{listing}".lstrip()}, *rest]


def _system_and_rest(messages: Sequence[Message]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The system message, an empty one where there is none, and the others."""
    first, *rest = map(dict, messages)
    return (first, rest) if first["role"] == "system" else (dict(system("")), [first, *rest])


def _system_in_the_first_user_turn(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Its text goes in front of what the user says first."""
    head, rest = _system_and_rest(messages)
    first = next((place for place, message in enumerate(rest) if message["role"] == "user"), None)
    if first is None or not head["content"]:
        return messages
    rest[first] = {**rest[first], "content": f"{head['content']}\n\n{rest[first]['content']}"}
    return rest
