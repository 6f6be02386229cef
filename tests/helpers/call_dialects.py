# ruff: noqa: RUF001  (DeepSeek's marks are not ASCII)
"""Writes calls as the chat templates of today's families do, one writer a dialect."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Calls = Sequence[tuple[str, Mapping[str, Any]]]
Writer = Callable[[Calls], str]


def text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def json_call(name: str, arguments: Mapping[str, Any], key: str = "arguments") -> str:
    return text({"name": name, key: arguments})


def json_list(calls: Calls) -> str:
    return f"[{', '.join(json_call(*call) for call in calls)}]"


def in_tags(value: object) -> str:
    """A value between tags: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else text(value)


def each(write: Callable[[str, Mapping[str, Any]], str], between: str = "") -> Writer:
    return lambda calls: between.join(write(*call) for call in calls)


def around(opening: str, body: Writer, closing: str = "") -> Writer:
    return lambda calls: f"{opening}{body(calls)}{closing}"


def pairs(arguments: Mapping[str, Any], before: str, between: str, after: str) -> str:
    return "".join(f"{before}{key}{between}{in_tags(value)}{after}" for key, value in arguments.items())


def python_call(name: str, arguments: Mapping[str, Any]) -> str:
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


def python_list(calls: Calls) -> str:
    return f"[{', '.join(python_call(*call) for call in calls)}]"


def function_tag(name: str, arguments: Mapping[str, Any]) -> str:
    parameters = pairs(arguments, "<parameter=", ">\n", "\n</parameter>\n")
    return f"<function={name}>\n{parameters}</function>"


def glm(name: str, arguments: Mapping[str, Any], line: str = "\n") -> str:
    written = pairs(arguments, "<arg_key>", f"</arg_key>{line}<arg_value>", f"</arg_value>{line}")
    return f"<tool_call>{name}{line}{written}</tool_call>"


def invoke_tag(name: str, arguments: Mapping[str, Any]) -> str:
    parameters = pairs(arguments, '<parameter name="', '">', "</parameter>\n")
    return f'<invoke name="{name}">\n{parameters}</invoke>\n'


def dsml_tag(name: str, arguments: Mapping[str, Any]) -> str:
    end = "</｜DSML｜parameter>\n"
    parameters = "".join(
        f'<｜DSML｜parameter name="{key}" string="{text(isinstance(value, str))}">{in_tags(value)}{end}'
        for key, value in arguments.items()
    )
    return f'<｜DSML｜invoke name="{name}">\n{parameters}</｜DSML｜invoke>\n'


def kimi(calls: Calls) -> str:
    return "".join(
        f"<|tool_call_begin|>functions.{name}:{index}<|tool_call_argument_begin|>{text(arguments)}<|tool_call_end|>"
        for index, (name, arguments) in enumerate(calls)
    )


def gemma_value(value: object, quote: str) -> str:
    match value:
        case str():
            return f"{quote}{value}{quote}"
        case dict():
            return f"{{{','.join(f'{key}:{gemma_value(item, quote)}' for key, item in value.items())}}}"
        case list():
            return f"[{','.join(gemma_value(item, quote) for item in value)}]"
        case _:
            return text(value)


def gemma(opening: str, quote: str, closing: str) -> Writer:
    return each(lambda n, a: f"{opening}call:{n}{gemma_value(dict(a), quote)}{closing}")


def _deepseek(calls: Iterable[str]) -> str:
    pieces = (f"<｜tool▁call▁begin｜>{call}<｜tool▁call▁end｜>" for call in calls)
    return f"<｜tool▁calls▁begin｜>{''.join(pieces)}<｜tool▁calls▁end｜>"


def deepseek_v3(calls: Calls) -> str:
    return _deepseek(f"function<｜tool▁sep｜>{name}\n```json\n{text(arguments)}\n```" for name, arguments in calls)


def deepseek_v31(calls: Calls) -> str:
    return _deepseek(f"{name}<｜tool▁sep｜>{text(arguments)}" for name, arguments in calls)


def parameters_call(name: str, arguments: Mapping[str, Any]) -> str:
    return json_call(name, arguments, "parameters")


DIALECTS: dict[str, Writer] = {
    "Hermes, Qwen": each(lambda n, a: f"<tool_call>\n{json_call(n, a)}\n</tool_call>", "\n"),
    "Qwen3-Coder": each(lambda n, a: f"<tool_call>\n{function_tag(n, a)}\n</tool_call>", "\n"),
    "Qwen3-Coder without the outer tag": each(function_tag, "\n"),
    "GLM 4.5": each(glm, "\n"),
    "GLM 4.7": each(lambda n, a: glm(n, a, "")),
    "Granite 3": around("<|tool_call|>", json_list),
    "Granite 3.1": around("<tool_call>", json_list),
    "Granite 4": each(lambda n, a: f"<tool_call>\n{json_call(n, a)}\n</tool_call>", "\n"),
    "Granite 20B": each(lambda n, a: f"<function_call> {json_call(n, a)}", " "),
    "Seed-OSS": each(lambda n, a: f"<seed:tool_call>\n{function_tag(n, a)}\n</seed:tool_call>", "\n"),
    "Qwen2.5-Coder": around("<tools>\n", each(json_call, "\n"), "\n</tools>"),
    "Nemotron": around("<TOOLCALL>", json_list, "</TOOLCALL>"),
    "Jamba, Hunyuan": around("<tool_calls>", json_list, "</tool_calls>"),
    "Phi-4-mini": around("<|tool_call|>", json_list, "<|/tool_call|>"),
    "Phi-4-mini, plural": around("<|tool_calls|>", json_list, "<|/tool_calls|>"),
    "Phi, functools": around("functools", json_list),
    "Phi, functools and a blank": around("functools ", json_list),
    "OLMo 3": around("<function_calls>\n", each(python_call, "\n"), "\n</function_calls>"),
    "MiniMax M2": around("<minimax:tool_call>\n", each(invoke_tag), "</minimax:tool_call>"),
    "invoke tags": around("<function_calls>\n", each(invoke_tag), "</function_calls>"),
    "DeepSeek V3, R1": deepseek_v3,
    "DeepSeek V3.1": deepseek_v31,
    "DeepSeek V3.2": around("<｜DSML｜function_calls>\n", each(dsml_tag), "</｜DSML｜function_calls>"),
    "DeepSeek V4": around("<｜DSML｜tool_calls>\n", each(dsml_tag), "</｜DSML｜tool_calls>"),
    "Kimi K2": around("<|tool_calls_section_begin|>", kimi, "<|tool_calls_section_end|>"),
    "Mistral, list": around("[TOOL_CALLS]", json_list),
    "Mistral, names": each(lambda n, a: f"[TOOL_CALLS]{n}[ARGS]{text(a)}"),
    "Mistral, names without [ARGS]": each(lambda n, a: f"[TOOL_CALLS]{n}{text(a)}"),
    "Mistral's variant": around("[TOOL_CALL] ", each(json_call, "\n"), " [/TOOL_CALL]"),
    "Llama 3": each(parameters_call, "; "),
    "Llama 3 after its tag": around("<|python_tag|>", each(parameters_call, ";")),
    "Llama 3, built in": around("<|python_tag|>", each(lambda n, a: python_call(f"{n}.call", a), ";")),
    "Llama, function tag": each(lambda n, a: f"<function={n}>{text(a)}</function>"),
    "Llama 3.2, Python": python_list,
    "Llama 4, Python": around("<|python_start|>", python_list, "<|python_end|>"),
    "LFM2": around("<|tool_call_start|>", python_list, "<|tool_call_end|>"),
    "Gemma, fence": lambda calls: f"```tool_code\n{python_list(calls)}\n```",
    "InternLM": each(lambda n, a: f"<|action_start|><|plugin|>{parameters_call(n, a)}<|action_end|>"),
    "Command R": lambda calls: f"<|START_ACTION|>{text(_cohere(calls))}<|END_ACTION|>",
    "gpt-oss": each(
        lambda n, a: f"<|channel|>commentary to=functions.{n} <|constrain|>json<|message|>{text(a)}<|call|>"
    ),
    "FunctionGemma": gemma("<start_function_call>", "<escape>", "<end_function_call>"),
    "Gemma 4": gemma("<|tool_call>", '<|"|>', "<tool_call|>"),
    "LongCat": each(lambda n, a: f"<longcat_tool_call>{json_call(n, a)}</longcat_tool_call>", "\n"),
    "dots": around("<dots_function_call>\n", each(invoke_tag), "</dots_function_call>"),
    "xLAM": json_list,
    "xLAM-1": lambda calls: f'{{"thought": "", "tool_calls": {json_list(calls)}}}',
    "OpenAI": lambda calls: text([{"type": "function", "function": {"name": n, "arguments": a}} for n, a in calls]),
}
"""What each family writes for several calls in one response."""

ONE_CALL: dict[str, Writer] = {
    "ReAct": each(lambda n, a: f"Thought: I need it.\nAction: {n}\nAction Input: {text(a)}"),
    "Mistral without its marks": each(lambda n, a: f"{n}{text(a)}"),
    "Granite 3.3": each(python_call),
}
"""What holds one call only."""


def _cohere(calls: Calls) -> list[dict[str, object]]:
    return [{"tool_call_id": str(i), "tool_name": n, "parameters": a} for i, (n, a) in enumerate(calls)]
