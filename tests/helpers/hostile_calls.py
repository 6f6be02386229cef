# ruff: noqa: RUF001  (DeepSeek's marks are not ASCII)
"""Texts that break or stall careless readers of function calls, and how long a verdict on them takes."""

import statistics
import time

from verl_reflect.tasks.base import Task, Verdict
from verl_reflect.tasks.calls.dialects.table import BY_OPENING

MEGABYTE = 1_000_000
CALL = '<tool_call>{"name": "f", "arguments": {"a": %s}}</tool_call>'

HOSTILE = {
    "brackets": "(" * MEGABYTE,
    "brackets of a call": "f(a=" + "(" * MEGABYTE,
    "deep calls": "[f(a=" + "[" * 3_900 + "]" * 3_900 + ")]",
    "deep dicts": "f(a=" + "{1:" * 2_500,
    "dicts that stall ast.parse": "f(a=" + "{" * 90 + ")",
    "many signs": "f(a=" + "-" * 7_000 + "1)",
    "many items": "[f(a=[" + "1," * 3_900 + "])]",
    "many items within bounds": "[f(a=[" + "1," * 990 + "])]",
    "many strings": "f(a=[" + "'x'," * 1_900 + "])",
    "joined strings": "f(a=" + "'x'" * 1_900 + ")",
    "unclosed quotes": "f(a=" + "'\\" * 3_900,
    "escaped quotes": 'f(a="' + '\\"' * 3_900 + ")",
    "triple quotes": 'f(a="""' + '\\"""' * 1_900 + ")",
    "alternating quotes": "f(a=" + "\"'" * 3_900 + ")",
    "many escapes": "f(a='" + "\\x41" * 1_900 + "')",
    "names with dots": "f(" + "a." * 3_900 + "a=1)",
    "digits in Python": "f(a=" + "9" * 7_900 + ")",
    "many arguments": "f(" + "a=1," * 1_900 + ")",
    "deep JSON": CALL % ("[" * 899),
    "closed deep JSON": CALL % ("[" * 890 + "]" * 890),
    "deeper JSON": CALL % ('{"a":' * 100_000),
    "a megabyte of brackets in a call": "<tool_call>" + "[" * MEGABYTE,
    "5000 digits": CALL % ("9" * 5_000),
    "long numbers": CALL % ("[" + ",".join(["9" * 4_000] * 4) + "]"),
    "many numbers": CALL % ("[" + "1," * 9_800 + "1]"),
    "many objects": CALL % ("[" + '{"a":{}},' * 400 + "1]"),
    "many keys": CALL % ("{" + ",".join(f'"{number}":1' for number in range(1_900)) + "}"),
    "a key twice": '<tool_call>{"name": "f", "arguments": {"a": 1, "a": 1}}</tool_call>',
    "NaN": CALL % "NaN",
    "Infinity": CALL % "-Infinity",
    "infinite by overflow": CALL % "1e999",
    "lone surrogates": CALL % '"\\ud800"' + "\udfff",
    "a megabyte of surrogates": "\ud800" * MEGABYTE,
    "combining marks": CALL % ('"' + "\u0301\u0316" * 499 + '"'),
    "more combining marks": CALL % ('"' + "\u0301\u0316" * 9_000 + '"'),
    "laughs": CALL % ('"' + "&lol9;" * 3_000 + '"'),
    "many blocks": (CALL % 1) * 3_000,
    "many blocks within bounds": "\n".join([CALL % 1] * 99),
    "empty blocks": "<tool_call></tool_call>" * (MEGABYTE // 23),
    "unclosed blocks": "<tool_call>" * (MEGABYTE // 11),
    "almost blocks": "<tool_call" * (MEGABYTE // 10),
    "fences": "```" * (MEGABYTE // 3),
    "backticks": "`" * MEGABYTE,
    "Mistral markers": "[TOOL_CALLS]" * (MEGABYTE // 12),
    "Mistral names": "[TOOL_CALLS]" + "a" * 19_000 + "[ARGS]",
    "Mistral blanks": "[TOOL_CALLS]" + " " * 19_000 + "!",
    "Llama tags": "<|python_tag|>" * (MEGABYTE // 14),
    "functools": "functools[" * (MEGABYTE // 10),
    "thoughts": "</think>" * (MEGABYTE // 8),
    "open thoughts": "<think>" * (MEGABYTE // 7),
    "semicolons": ";" * MEGABYTE,
    "semicolons after a call": '{"name": "f", "arguments": {}}' + " ;" * 9_000 + "x",
    "zero bytes": "\0" * MEGABYTE,
    "function tags": "<function=" * (MEGABYTE // 10),
    "function tags that begin": "<function=f><parameter=a>" * 790,
    "parameters without an end": "<function=f>" + "<parameter=a>x" * 1_400 + "</function>",
    "parameters that may end": "<function=f><parameter=a>" + "</parameter> " * 1_500 + "</function>",
    "parameters and blanks": "<function=f><parameter=a>" + "</parameter>" + " " * 19_000,
    "many parameters": "<function=f>" + "<parameter=a>1</parameter>" * 700 + "</function>",
    "argument keys": "<tool_call>f" + "<arg_key>a</arg_key>" * 900 + "</tool_call>",
    "argument values": "<tool_call>f<arg_key>a</arg_key><arg_value>" + "</arg_value>" * 1_600 + "</tool_call>",
    "invoke tags": '<function_calls><invoke name="f">' + '<parameter name="a">' * 900 + "</function_calls>",
    "DeepSeek's marks": "<｜tool▁calls▁begin｜>" * 900,
    "Kimi's marks": "<|tool_calls_section_begin|><|tool_call_begin|>f" * 390,
    "deep values of Gemma": "<start_function_call>call:f{a:" + "[" * 800 + "<end_function_call>",
    "escapes of Gemma": "<start_function_call>call:f{a:" + "<escape>" * 2_400 + "}<end_function_call>",
    "actions": "Action: f\nAction Input: " * 800,
    "channels": "to=functions.f" * 1_400,
    "every mark": "".join(BY_OPENING) * 25,
    "every mark, in a megabyte": "".join(BY_OPENING) * 1_500,
    "marks within texts of broken lists": "<tool_call>" + '["<tool_call>[","' * 1_000,
    "Python behind a mark": "<|python_tag|>" + "f(a=1) " * 2_000,
    "unclosed Python behind marks": "<|python_tag|>f('" * 1_100,
    "lines of JSON": 'a\n{"a": 1}' * 440,
    "lines of calls": 'a\n{"name": "f", "arguments": {}}' * 400,
    "lines of brackets": "a" + "\n[{" * 440,
    "objects by name": 'ff{"a"' * 33_000,
    "keywords": "ff(a=" * 40_000,
    "lists of names": "[ff." * 50_000,
    "stems": "<tool_cal" * 20_000 + "tool_call" * 20_000,
    "a name in quotes": '"name"' * 30_000,
    "numbers between tags": "<function=f><parameter=a>" + "9" * 19_000 + "</parameter></function>",
    "brackets between tags": "<function=f><parameter=a>" + "[" * 890 + "</parameter></function>",
    "nested text": '{"name": "f", "arguments": ' + '"' * 19_000 + "}",
}


def median_seconds(task: Task, response: str, truth: object) -> float:
    """Of this thread's own time, whatever else the machine does."""
    seconds = []
    for _ in range(9):
        start = time.thread_time()
        task.judge(response, truth)
        seconds.append(time.thread_time() - start)
    return statistics.median(seconds)


def judged_in_time(task: Task, response: str, truth: object) -> Verdict:
    """The verdict, which must come within five milliseconds."""
    assert median_seconds(task, response, truth) < 0.005
    return task.judge(response, truth)
