"""Responses made to break a verifier: a model under training finds every one of these sooner or later."""

from collections.abc import Iterator, Mapping

MEGABYTE = 1_000_000

TEXTS: Mapping[str, str] = {
    "nothing": "",
    "white space": " \n\t" * 1000,
    "1 MB of brackets": "(" * (MEGABYTE // 2) + ")" * (MEGABYTE // 2),
    "1 MB of opening braces": "{" * MEGABYTE,
    "1 MB of unclosed tags": "<answer>" * (MEGABYTE // 8),
    "1 MB of unclosed boxes": r"\boxed{" * (MEGABYTE // 7),
    "1 MB of fractions": r"\frac{" * (MEGABYTE // 6),
    "1 MB of opened thoughts": "<think>" * (MEGABYTE // 7),
    "1 MB of closed thoughts": "<think></think>" * (MEGABYTE // 15),
    "1 MB of headings": "#### 1. Add\n" * (MEGABYTE // 12),
    "1 MB of fences": "```\n" * (MEGABYTE // 4),
    "1 MB of LaTeX wrappers": r"\text{" * (MEGABYTE // 6),
    "1 MB of LaTeX spaces": r"\," * (MEGABYTE // 2),
    "1 MB of dollar signs": "$" * MEGABYTE,
    "1 MB of calls in XML": "<function=f><parameter=x>" * (MEGABYTE // 25),
    "one character that stands for eighteen": "\ufdfa" * 10_000,
    "a chain of 250 equations": "=".join("1" * 250),
    "a tower of powers": "9**9**9",
    "a tower of carets": "9^9^9^9",
    "a factorial": "99999999!",
    "a huge exponent": "1e999999999",
    "a number of 100,000 digits": "9" * 100_000,
    "a number of 4,000 digits": "9" * 4_000,
    "a decimal of 100,000 digits": "0." + "3" * 100_000,
    "a division by zero": "1/0",
    "not a number": "NaN",
    "infinity": "-Infinity",
    "deep JSON arrays": "[" * 100_000 + "]" * 100_000,
    "deep JSON objects": '{"a":' * 50_000 + "1" + "}" * 50_000,
    "JSON of a huge number": '[{"name": "f", "arguments": {"x": ' + "9" * 10_000 + "}}]",
    "JSON of a wrong shape": '{"name": ["f"], "arguments": 3}',
    "JSON null": "null",
    "a lone surrogate": "\ud800",
    "null bytes": "\x00" * 1000,
    "digits of another script": "٣+٤",
    "right-to-left marks": "\u202e\u202d" * 1000,
    "a's and a full stop": "a" * 100_000 + ".",
    "blanks and a full stop": " " * 100_000 + ".",
    "a's with commas": "a," * 50_000 + "!",
    "nested repetition": "((a+)+)+" * 1000,
    "signs": "-" * 10_000 + "1",
    "a sum of 50,000 ones": "+".join("1" * 50_000),
    "Python": "__import__('os').system('exit 3')",
    "a format string": "{0.__class__}%s%n${x}",
}

_ENVELOPES: Mapping[str, tuple[str, str]] = {
    "": ("", ""),
    " in a tag": ("<answer>", "</answer>"),
    " in a box": (r"\boxed{", "}"),
    " in a tool call": ("<tool_call>", "</tool_call>"),
}


def responses(gold: str) -> Iterator[tuple[str, str]]:
    """Name and text of every hostile response: bare, where an answer is looked for, and amid a gold response."""
    for name, text in TEXTS.items():
        for place, (start, end) in _ENVELOPES.items():
            yield name + place, start + text + end
        if gold:
            middle = len(gold) // 2
            yield f"{name} amid a gold response", gold[:middle] + text + gold[middle:]
