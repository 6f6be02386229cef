# ruff: noqa: RUF001  (DeepSeek's marks are not ASCII)
"""The dialects, one a row. docs/function_calling.md shows each, tests/tasks/calls/dialects/test_table.py tries each.

Of rows with the same opening the first that can read the call counts.
"""

import re
from collections.abc import Mapping

from verl_reflect.tasks.calls.dialects.argument_tags import argument_tags
from verl_reflect.tasks.calls.dialects.dialect import NAME, Dialect
from verl_reflect.tasks.calls.dialects.function_tags import CLOSING, OPENING, function, functions
from verl_reflect.tasks.calls.dialects.gemma import gemma_call
from verl_reflect.tasks.calls.dialects.invoke_tags import invoke_tags
from verl_reflect.tasks.calls.dialects.json_body import json_calls, json_items, json_list
from verl_reflect.tasks.calls.dialects.named_json import named_json
from verl_reflect.tasks.calls.dialects.python_body import built_in_calls, python_calls

_TAG, _END_TAG = "<tool_call>", "</tool_call>"
_JSON = re.compile(r"\s*[{\[]")

_deepseek_v3 = named_json(
    rf"\s*<｜tool▁call▁begin｜>\w*<｜tool▁sep｜>{NAME}\s*```json\s*(?=\{{)", r"\s*```\s*<｜tool▁call▁end｜>"
)
_deepseek_v31 = named_json(rf"\s*<｜tool▁call▁begin｜>\s*{NAME}\s*<｜tool▁sep｜>\s*(?=\{{)", r"\s*<｜tool▁call▁end｜>")
_kimi = named_json(
    r"\s*<\|tool_call_begin\|>\s*(?:functions\.)?" + NAME + r"(?::\d{1,6})?\s*<\|tool_call_argument_begin\|>\s*(?=\{)",
    r"\s*<\|tool_call_end\|>",
)
_mistral = named_json(rf"\s*{NAME}\s*(?:\[CALL_ID\]\s*\w{{1,64}}\s*)?(?:\[ARGS\])?\s*(?=[{{\"])")
_gpt_oss = named_json(
    NAME + r"\s*(?:<\|channel\|>\s*\w{1,20}\s*)?(?:<\|constrain\|>)?\s*(?:json)?\s*(?:<\|message\|>)?\s*(?=\{)",
    r"\s*(?:<\|call\|>)?\s*(?:(?:<\|start\|>assistant)?(?:<\|channel\|>)?\s*commentary\s*(?=to=functions\.))?",
)
_react = named_json(rf"\s*{NAME}\s*Action Input:\s*(?=\{{)")

DIALECTS = (
    Dialect("Hermes, Qwen, Granite 4", _TAG, json_calls, _END_TAG),
    Dialect("Qwen3-Coder, Qwen3.5, Nemotron 3, MiMo", _TAG, functions, _END_TAG),
    Dialect("GLM, Ling 3", _TAG, argument_tags, _END_TAG),
    Dialect("Granite 3.1", _TAG, json_list),
    Dialect("Qwen3-Coder, Llama", OPENING, function, CLOSING, kind=_TAG),
    Dialect("Seed-OSS", "<seed:tool_call>", functions, "</seed:tool_call>", kind=_TAG),
    Dialect("Qwen2.5-Coder", "<tools>", json_calls, "</tools>", meant=_JSON),
    Dialect("Nemotron", "<TOOLCALL>", json_calls, "</TOOLCALL>"),
    Dialect("Jamba, Hunyuan", "<tool_calls>", json_calls, "</tool_calls>"),
    Dialect("LongCat", "<longcat_tool_call>", json_calls, "</longcat_tool_call>"),
    Dialect("Phi-4-mini, Granite 3", "<|tool_call|>", json_calls, "<|/tool_call|>", may_end=True),
    Dialect("Phi-4-mini", "<|tool_calls|>", json_calls, "<|/tool_calls|>", may_end=True),
    Dialect("Phi", "functools[", json_items),
    Dialect("Phi", "functools [", json_items),
    Dialect("Granite 20B", "<function_call>", json_calls, "</function_call>", may_end=True),
    Dialect("OLMo 3", "<function_calls>", python_calls, "</function_calls>"),
    Dialect("others with invoke tags", "<function_calls>", invoke_tags(), "</function_calls>"),
    Dialect("dots", "<dots_function_call>", invoke_tags(), "</dots_function_call>"),
    Dialect("MiniMax M2", "<minimax:tool_call>", invoke_tags(), "</minimax:tool_call>"),
    Dialect("DeepSeek V3.2", "<｜DSML｜function_calls>", invoke_tags("｜DSML｜"), "</｜DSML｜function_calls>"),
    Dialect("DeepSeek V4", "<｜DSML｜tool_calls>", invoke_tags("｜DSML｜"), "</｜DSML｜tool_calls>"),
    Dialect("DeepSeek V3, R1", "<｜tool▁calls▁begin｜>", _deepseek_v3, "<｜tool▁calls▁end｜>", may_end=True),
    Dialect("DeepSeek V3.1", "<｜tool▁calls▁begin｜>", _deepseek_v31, "<｜tool▁calls▁end｜>", may_end=True),
    Dialect("Kimi K2", "<|tool_calls_section_begin|>", _kimi, "<|tool_calls_section_end|>", may_end=True),
    Dialect("Mistral", "[TOOL_CALLS]", json_calls),
    Dialect("Mistral", "[TOOL_CALLS]", _mistral),
    Dialect("Mistral's variants", "[TOOL_CALL]", json_calls, "[/TOOL_CALL]"),
    Dialect("Llama 3", "<|python_tag|>", json_calls),
    Dialect("Llama 3", "<|python_tag|>", built_in_calls),
    Dialect("Llama 4", "<|python_start|>", python_calls, "<|python_end|>", may_end=True),
    Dialect("LFM2", "<|tool_call_start|>", python_calls, "<|tool_call_end|>"),
    Dialect("LFM2", "<|tool_call_start|>", json_calls, "<|tool_call_end|>"),
    Dialect("InternLM", "<|action_start|><|plugin|>", json_calls, "<|action_end|>"),
    Dialect("Command R", "<|START_ACTION|>", json_calls, "<|END_ACTION|>"),
    Dialect("gpt-oss", "to=functions.", _gpt_oss),
    Dialect("FunctionGemma", "<start_function_call>", gemma_call("<escape>"), "<end_function_call>"),
    Dialect("Gemma 4", "<|tool_call>", gemma_call('<|"|>'), "<tool_call|>"),
    Dialect("ReAct", "Action:", _react, meant=re.compile(r"\s*[\w.-]{1,256}\s*\n\s*Action Input:")),
)


BY_OPENING: Mapping[str, tuple[Dialect, ...]] = {
    mark: tuple(dialect for dialect in DIALECTS if dialect.opening == mark)
    for mark in dict.fromkeys(dialect.opening for dialect in DIALECTS)
}

_BY_START = {
    start: tuple(mark for mark in BY_OPENING if mark.startswith(start))
    for start in dict.fromkeys(mark[0] for mark in BY_OPENING)
}
"""A text without `<` needs no search for each mark that starts so."""


def openings_in(text: str) -> list[str]:
    """The marks that the text has anywhere."""
    return [mark for start, marks in _BY_START.items() if start in text for mark in marks if mark in text]
