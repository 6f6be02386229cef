"""Texts that break or stall careless readers of function calls, and how long a verdict on them takes."""

import statistics
import time

from verl_reflect.tasks.base import Task, Verdict

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
