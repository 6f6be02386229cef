r"""Responses meant to break, stall or bloat a verifier; `tests/tasks/test_hostile.py` gives them to every task.

A task that is added needs one line in GROUND_TRUTHS.
"""

from collections.abc import Iterator

MEGABYTE = 1_000_000

GROUND_TRUTHS: dict[str, object] = {
    "countdown": {"target": 56, "numbers": [3, 5, 7]},
    "function_calling": {"answers": [{"name": "add", "arguments": {"a": 1, "b": [2]}}]},
    "bfcl": {
        "category": "simple_python",
        "functions": [{"name": "f", "parameters": {"properties": {"x": {"type": "integer"}}, "required": ["x"]}}],
        "possible_answer": [{"f": {"x": [3]}}],
    },
    "gsm8k": "42",
    "math": r"\frac{1}{2}",
}
"""A valid one for each task, by its first data source."""

_BARE = {
    "nothing": "",
    "a null byte": "\0",
    "null bytes": "\0" * MEGABYTE,
    "brackets": "(" * MEGABYTE,
    "closing brackets": ")" * MEGABYTE,
    "braces": "{" * MEGABYTE + "}" * MEGABYTE,
    "spaces": " " * MEGABYTE,
    "lines": "\n" * MEGABYTE,
    "one line": "word " * (MEGABYTE // 5),
    "hashes": "#" * MEGABYTE,
    "answers after hashes": "#### 4" * (MEGABYTE // 6),
    "spaces after hashes": "####" + " " * MEGABYTE + "42",
    "digits after hashes": "#### " + "9" * MEGABYTE,
    "backslashes": "\\" * MEGABYTE,
    "quotes": '"' * MEGABYTE,
    "commas": "," * MEGABYTE,
    "signs": "-" * MEGABYTE,
    "unclosed boxes": r"\boxed{" * 100_000,
    "almost boxes": r"\boxed" * 100_000,
    "unclosed tags": "<answer>" * 100_000,
    "almost tags": "<answer" * 100_000,
    "empty tags": "<answer></answer>" * 60_000,
    "closing tags": "</answer>" * 100_000,
    "calls": "<tool_call>" * 90_000,
    "closed calls": "<tool_call>{}</tool_call>" * 40_000,
    "a call that never ends": '<tool_call>{"name": "' + "f" * MEGABYTE,
    "a lone surrogate": "\ud800",
    "surrogates": "\ud800\udfff" * (MEGABYTE // 2),
    "deep lists": "[" * MEGABYTE + "]" * MEGABYTE,
    "deep objects": '{"a":' * 200_000 + "1" + "}" * 200_000,
    "a long list": "[" + "1," * (MEGABYTE // 2) + "1]",
    "a JSON number": '{"name": "f", "arguments": {"x": ' + "9" * 5_000 + "}}",
    "a JSON exponent": '{"name": "f", "arguments": {"x": 1e999999999}}',
    "not a number": '{"name": "f", "arguments": {"x": NaN, "y": -Infinity}}',
    "laughs": '<!DOCTYPE l [<!ENTITY a "ha">' + '<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">' * 1_000 + "]>&b;",
    "anchors": "a: &a [x,x,x,x]\n" + "\n".join(f"b{n}: &b{n} [*a,*a,*a,*a]" for n in range(1_000)),
    "code": "__import__('os')._exit(1)",
    "calls in Python": "f(" * 300_000,
    "long arguments": "f(" + "x=1," * 200_000 + ")",
}
_ANSWERS = {
    "a power": "9**9**9",
    "a power of powers": "9^{9^{9}}",
    "spaced powers": "9 ** 9 ** 9",
    "a factorial": "99999!",
    "digits": "9" * 5_000,
    "500 digits": "9" * 500,
    "a decimal": "0." + "3" * 500,
    "a large fraction": "1/" + "9" * 400,
    "a division by zero": "1/0",
    "a LaTeX division by zero": r"\frac{1}{0}",
    "blanks": " " * 500,
    "blanks in a number": "4" + " " * 500 + "2x",
    "commas in a number": "1," * 250,
    "signs of a number": "-" * 500 + "42",
    "words": "a " * 250,
    "words of a number": "x " * 125 + "= 42 " + "y " * 120,
    "a deep bracket": "(" * 250 + "1" + ")" * 250,
    "open brackets": "(" * 500,
    "roots": r"\sqrt{" * 70 + "2" + "}" * 70,
    "unicode digits": "\N{ARABIC-INDIC DIGIT FOUR}\N{FULLWIDTH DIGIT TWO}",
    "superscripts": "4\N{SUPERSCRIPT TWO}\N{VULGAR FRACTION ONE HALF}",
    "marks of direction": "\u202e42\u202c\u2066\u2069",
    "invisible": "4\u200b2\ufeff",
    "null bytes in it": "4\x002",
    "surrogates in it": "\ud8004\udfff2",
    "combining marks": "4" + "\u0301" * 400,
    "code in it": "__import__('os')._exit(1)",
    "a lambda": "(lambda: 42)()",
    "not a number": "nan",
    "infinity": "-inf",
    "an exponent": "1e999999999",
    "hexadecimal": "0x2A",
    "underscores": "4_2",
    "nested boxes": r"\boxed{" * 50 + "42" + "}" * 50,
    "an input": r"\input{/etc/passwd}",
    "a macro": r"\def\a{\a\a}\a",
    "powers in a C call": r"(((9^{99})^{99})^{99})^{99}",
}
_CONTAINERS = {
    "in a box": (r"\boxed{", "}"),
    "in a tag": ("<answer>", "</answer>"),
    "after hashes": ("#### ", ""),
    "in a call": ('<tool_call>{"name": "f", "arguments": {"x": "', '"}}</tool_call>'),
}

COSTLY = {"powers in a C call", "a deep bracket", "open brackets", "roots", "a macro", "nested boxes", "words"}
"""Answers that take math-verify seconds; in one container they show as much as in four."""


def responses() -> Iterator[tuple[str, str]]:
    """Each with its name."""
    yield from _BARE.items()
    for name, answer in _ANSWERS.items():
        yield f"{name}, bare", answer
        for where, (opening, closing) in _CONTAINERS.items():
            if name not in COSTLY or where == "in a box":
                yield f"{name}, {where}", opening + answer + closing


HOSTILE = dict(responses())
