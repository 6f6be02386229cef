r"""Reads function calls in Python's syntax, `[f(a=1), g.h(b='x')]`, without `eval` and without Python's own parser.

    calls   = "[", call, {",", call}, [","], "]" | call, {",", call}
    call    = name, "(", [argument, {",", argument}, [","]], ")"            the name may have dots
    argument = name, "=", value
    value   = text, {text} | ["-" | "+"], number | "True" | "False" | "None" | variable | list | tuple | dict

`ast.parse` is not used: brackets within brackets can keep it busy for very long or overflow its stack, and it prints
warnings about what the model wrote. This reader leaves out what would have to be run: sums, calls within calls,
lambdas, comprehensions, f-strings. A variable stands for its own name, and `data['x']` for its own text, since a
benchmark may ask for a variable that the user named.
"""

import re
from itertools import islice
from typing import Any

from verl_reflect.tasks.calls.call import Call, CallWithVariables
from verl_reflect.tasks.calls.untyped import Untyped
from verl_reflect.tasks.token_stream import END, TokenStream

MAX_CHARS = 8_000
MAX_CALL_CHARS = 2_000
"""Of one call in running text."""

MAX_TOKENS = 2_000
"""Names, values and punctuation marks of one text; the calls of one response take dozens. It bounds the time."""

MAX_DEPTH = 20
"""Brackets within brackets. It bounds the recursion."""

_NAME = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_START = re.compile(rf"\[?\s*{_NAME}\s*\(")
# An unclosed quote takes all the rest as one token, which nothing accepts, so that no text is searched twice.
_TOKEN = re.compile(
    r"""[rRuU]?(?:\"{3}[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*\"{3}|'{3}[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'{3}"""
    r"""|"(?!"")[^"\\\n]*(?:\\.[^"\\\n]*)*"|'(?!'')[^'\\\n]*(?:\\.[^'\\\n]*)*')"""
    rf"""|{_NAME}|[0-9][0-9_]*\.?[0-9_]*(?:[eE][-+][0-9_]+)?\w*|\.[0-9][0-9_]*(?:[eE][-+][0-9_]+)?\w*"""
    r"""|["'].*|\S""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(\n|[\\'\"abfnrtv]|[0-7]{1,3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[xuUN])")
_ESCAPED = {"\n": "", "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_CONSTANTS = {"True": True, "False": False, "None": None}
_JSON_CONSTANTS = ("true", "false", "null")
"""Variables to Python, but models mean JSON's."""
_QUOTES = ("'", '"')


class NotPythonCalls(ValueError):  # noqa: N818  (it names what the text is, not a fault of the program)
    """The text is not calls of this grammar."""


def looks_like_python_calls(text: str) -> bool:
    """Whether the text starts like a call, or a list of calls."""
    return _START.match(text, 0, MAX_CHARS) is not None


def read_python_calls(text: str) -> list[Call]:
    """Each call's name and arguments. Raises NotPythonCalls for anything outside the grammar above."""
    if len(text) > MAX_CHARS:
        raise NotPythonCalls("too long")
    tokens = _TOKEN.findall(text)
    if len(tokens) > MAX_TOKENS:
        raise NotPythonCalls("too long")
    if tokens[-1:] not in ([")"], ["]"]):
        raise NotPythonCalls("cut off")
    return _Parser(tokens).calls()


def read_python_calls_at(text: str, position: int) -> tuple[list[Call], int]:
    """The calls that start at `position`, in a list or one after another, and where they end, whatever follows."""
    found = list(islice(_TOKEN.finditer(text, position, position + MAX_CHARS), MAX_TOKENS))
    parser = _Parser([match[0] for match in found])
    calls = parser.listed() if parser.next_is("[") else parser.row()
    return calls, found[parser.position - 1].end() if parser.position else position


def read_python_call(text: str) -> Call:
    """The one call that the text starts with, whatever follows. Raises NotPythonCalls."""
    return _Parser(_TOKEN.findall(text[:MAX_CALL_CHARS])).call()


class _Parser(TokenStream):
    """Recursive descent over a list of tokens."""

    fault = NotPythonCalls
    variables = False

    def next_is(self, token: str) -> bool:
        """Whether the next token is this one; if so, it is taken."""
        if self.tokens[self.position] != token:
            return False
        self.position += 1
        return True

    def more(self, closing: str, first: bool) -> bool:
        """Whether another item follows in a row of items with commas between them, one after the last allowed."""
        if self.next_is(closing):
            return False
        if not first:
            self.expect(",")
            return not self.next_is(closing)
        return True

    def calls(self) -> list[Call]:
        if self.next_is("["):
            calls = self.listed()
            self.expect(END)
            return calls
        return self.separated(END)

    def listed(self) -> list[Call]:
        """The calls of a list, behind its opening bracket."""
        return self.separated("]")

    def separated(self, closing: str) -> list[Call]:
        calls: list[Call] = []
        while self.more(closing, not calls):
            calls.append(self.call())
        return calls

    def row(self) -> list[Call]:
        """Calls one after another, as many as there are; `;` may stand between."""
        calls = [self.call()]
        while self.next_is(";") or self.call_is_next():
            if self.call_is_next():
                calls.append(self.call())
        return calls

    def call_is_next(self) -> bool:
        return _is_name(self.tokens[self.position]) and self.tokens[self.position + 1] == "("

    def call(self) -> Call:
        self.variables = False
        name = self.take()
        if not _is_name(name):
            raise NotPythonCalls("a call starts with a name")
        self.expect("(")
        arguments: dict[str, Any] = {}
        while self.more(")", not arguments):
            key = self.take()
            if not _is_name(key) or "." in key or key in arguments:
                raise NotPythonCalls("an argument without a name, or with another one's")
            self.expect("=")
            arguments[key] = self.value(0)
        return (CallWithVariables if self.variables else Call)(name, arguments)

    def value(self, depth: int) -> Any:
        if depth == MAX_DEPTH:
            raise NotPythonCalls("too deep")
        token = self.take()
        if token.endswith(_QUOTES):
            return self.text(token)
        if _is_name(token):
            return self.named(token)
        match token:
            case "[":
                return self.items("]", depth)[0]
            case "(":
                items, trailing = self.items(")", depth)
                return tuple(items) if len(items) != 1 or trailing else items[0]
            case "{":
                return self.entries(depth)
            case "-":
                return -_number(self.take())
            case "+":
                return _number(self.take())
            case _:
                return _number(token)

    def text(self, token: str) -> str:
        """The text of a literal and of the ones right after it, which Python joins."""
        parts = [_text(token)]
        while self.tokens[self.position].endswith(_QUOTES):
            parts.append(_text(self.take()))
        return "".join(parts)

    def named(self, name: str) -> Any:
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        if "." in name:
            raise NotPythonCalls("an attribute is not a value")
        if name in _JSON_CONSTANTS:
            return Untyped(name)
        self.variables = True
        if not self.next_is("["):
            return name
        key = self.take()
        self.expect("]")
        return f"{name}[{_text(key) if key.endswith(_QUOTES) else _number(key)!r}]"

    def items(self, closing: str, depth: int) -> tuple[list[Any], bool]:
        """The items up to the closing bracket, and whether a comma stands before it."""
        items: list[Any] = []
        while self.more(closing, not items):
            items.append(self.value(depth + 1))
        return items, self.tokens[self.position - 2] == ","

    def entries(self, depth: int) -> dict[Any, Any]:
        entries: dict[Any, Any] = {}
        while self.more("}", not entries):
            key = self.value(depth + 1)
            if isinstance(key, list | dict | tuple) or key in entries:
                raise NotPythonCalls("a key that stands twice, or that is no key")
            self.expect(":")
            entries[key] = self.value(depth + 1)
        return entries


def _is_name(token: str) -> bool:
    return token[:1].isalpha() or token[:1] == "_"


def _number(token: str) -> int | float:
    if not token.isascii() or (not token[:1].isdecimal() and token[:1] != "."):
        raise NotPythonCalls(f"{token[:20] or 'the end'!r} where a value was expected")
    try:
        whole = token[:2] in ("0x", "0X") or not any(mark in token for mark in ".eE")
        return int(token, 0) if whole else float(token)
    except ValueError as error:  # such as 007, and a number of thousands of digits
        raise NotPythonCalls("not a number") from error


def _text(token: str) -> str:
    """The text that a literal means."""
    literal = token.lstrip("rRuU")
    quotes = 3 if literal.startswith(("'''", '"""')) else 1
    body = literal[quotes:-quotes]
    return body if "\\" not in body or token[0] in "rR" else _ESCAPE.sub(_unescaped, body)


def _unescaped(escape: re.Match[str]) -> str:
    what = escape[1]
    if what[0] in "xuU" and len(what) > 1:
        return _character(what[1:], 16)
    if what[0].isdecimal():
        return _character(what, 8)
    if what in ("x", "u", "U", "N"):
        raise NotPythonCalls("an escape that is cut off, or that names a character")
    return _ESCAPED.get(what, what)


def _character(digits: str, base: int) -> str:
    try:
        return chr(int(digits, base))
    except ValueError as error:
        raise NotPythonCalls("an escape of no character") from error
