# ruff: noqa: RUF001  (DeepSeek's marks are not ASCII)
"""What vLLM's tool parsers read, in a process of its own: vLLM cannot be imported after whatever other tests have.

Standard input has a JSON list of [parser, further marks of its tokenizer, response], standard output a list of what was
read of each: [[name, arguments], ...].
"""

import json
import os
import sys
from typing import Any

SCHEMA = {
    "town": {"type": "string"},
    "notes": {"type": "string"},
    "line": {"type": "string"},
    "nights": {"type": "integer"},
    "price": {"type": "number"},
    "breakfast": {"type": "boolean"},
    "ages": {"type": "array"},
    "options": {"type": "object"},
}

TOKENS = (
    *("<tool_call>", "</tool_call>", "<think>", "</think>", "<tool_calls>", "</tool_calls>", "<|python_tag|>"),
    *(
        "<｜tool▁calls▁begin｜>",
        "<｜tool▁calls▁end｜>",
        "<｜tool▁call▁begin｜>",
        "<｜tool▁call▁end｜>",
        "<｜tool▁sep｜>",
    ),
    *("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", "<|tool_call_begin|>", "<|tool_call_end|>"),
    *("<|tool_call_argument_begin|>", "<|tool_call_start|>", "[TOOL_CALLS]", "<minimax:tool_call>", "<seed:tool_call>"),
    *(
        "<|tool_call>",
        "<tool_call|>",
        "<|channel>",
        "<channel|>",
        '<|"|>',
        "<longcat_tool_call>",
        "</longcat_tool_call>",
    ),
    *("</minimax:tool_call>", "</seed:tool_call>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"),
    *("<｜DSML｜function_calls>", "</｜DSML｜function_calls>", "<｜DSML｜tool_calls>", "</｜DSML｜tool_calls>"),
)


class Tokenizer:
    """What the parsers need of one: that it knows their marks."""

    def __init__(self, *more: str) -> None:
        self.vocab = {token: number for number, token in enumerate((*TOKENS, *more))}

    def get_vocab(self) -> dict[str, int]:
        return self.vocab


class Oracle:
    """vLLM's reading of a response."""

    def __init__(self) -> None:
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "CRITICAL")
        from vllm.entrypoints.openai.chat_completion import protocol
        from vllm.tool_parsers import ToolParserManager

        self.parsers = ToolParserManager
        parameters = {"type": "object", "properties": SCHEMA}
        tools = [
            {"type": "function", "function": {"name": name, "parameters": parameters}}
            for name in ("book_room", "ask_time")
        ]
        self.tools = [protocol.ChatCompletionToolsParam.model_validate(tool) for tool in tools]
        self.request = protocol.ChatCompletionRequest(messages=[], model="any", tools=tools)

    def calls(self, parser_name: str, more: list[str], response: str) -> list[tuple[str, Any]]:
        parser = self.parsers.get_tool_parser(parser_name)(Tokenizer(*more), self.tools)
        try:
            found = parser.extract_tool_calls(response, self.request).tool_calls
        except ValueError:  # of a parser that cannot read several calls
            return []
        return [(call.function.name, _value(call.function.arguments)) for call in found]


def _value(arguments: str | None) -> object:
    try:
        return json.loads(arguments or "null")
    except ValueError:
        return arguments


if __name__ == "__main__":
    oracle = Oracle()
    read = [oracle.calls(*asked) for asked in json.load(sys.stdin)]
    print("\n" + json.dumps(read))  # what vLLM itself prints ends before this line
