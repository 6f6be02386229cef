r"""Reads and evaluates arithmetic over whole numbers, in plain or LaTeX spelling, exactly and without `eval`.

    expression = operand, {("+" | "-" | "*" | "/"), operand}        * and / bind tighter; equals group to the left
    operand    = number | "(", expression, ")" | "\frac", "{", expression, "}", "{", expression, "}"

There is no sign: a minus must stand between two operands, since a task that counts how often each number is used would
otherwise have `-3` pass for 3. There is no decimal point, power, floor division or implied product either: `2 3` and
`2(3)` are errors, and so is a number with a leading zero.
"""

import re
from collections.abc import Sequence
from fractions import Fraction

from verl_reflect.tasks.token_stream import END, TokenStream

MAX_DEPTH = 20
"""Brackets within brackets. It bounds the recursion; six numbers need no more than five."""

_TOKEN = re.compile(r"0|[1-9][0-9]*|\\left\(|\\right\)|\\[a-zA-Z]+|\S")
_SPELLINGS = {
    "\N{MULTIPLICATION SIGN}": "*",
    r"\times": "*",
    r"\cdot": "*",
    "\N{DIVISION SIGN}": "/",
    r"\div": "/",
    "\N{MINUS SIGN}": "-",
    r"\left(": "(",
    r"\right)": ")",
    r"\dfrac": r"\frac",
}
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}

Postfix = list[int | str]
"""Numbers and operators, each operator after its two operands: `2*(3+4)` is 2 3 4 + *."""


class NotArithmetic(ValueError):  # noqa: N818  (it names what the text is, not a fault of the program)
    """The text is not an expression of this grammar."""


def parse(text: str) -> Postfix:
    """The expression in `text`, which the caller keeps short (int() refuses numbers of thousands of digits).

    Raises NotArithmetic for anything outside the grammar above.
    """
    parser = _Parser(text)
    parser.expression(lowest=1, depth=0)
    parser.expect(END)
    return parser.postfix


def evaluate(postfix: Sequence[int | str]) -> Fraction | None:
    """The exact value of an expression, or None where it divides by zero."""
    stack: list[Fraction] = []
    for item in postfix:
        if isinstance(item, int):
            stack.append(Fraction(item))
            continue
        right, left = stack.pop(), stack.pop()
        if item == "/" and right == 0:
            return None
        stack.append(_apply(item, left, right))
    return stack.pop()


def _apply(operator: str, left: Fraction, right: Fraction) -> Fraction:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            return left / right


class _Parser(TokenStream):
    """Precedence climbing over a list of tokens; what it has read so far is in `postfix`."""

    fault = NotArithmetic

    def __init__(self, text: str) -> None:
        # Whatever the grammar does not know becomes a token too, and is refused where it stands.
        super().__init__(_SPELLINGS.get(token, token) for token in _TOKEN.findall(text))
        self.postfix: Postfix = []

    def expression(self, lowest: int, depth: int) -> None:
        """Read operands joined by operators of at least the precedence `lowest`."""
        self.operand(depth)
        while _PRECEDENCE.get(self.tokens[self.position], 0) >= lowest:
            operator = self.take()
            self.expression(_PRECEDENCE[operator] + 1, depth)
            self.postfix.append(operator)

    def operand(self, depth: int) -> None:
        token = self.take()
        if token == "(":
            self.group(")", depth)
        elif token == r"\frac":
            self.fraction(depth)
        elif token.isascii() and token.isdecimal():
            self.postfix.append(int(token))
        else:
            raise NotArithmetic(f"{token or 'the end'!r} where a number or a bracket was expected")

    def group(self, closing: str, depth: int) -> None:
        if depth == MAX_DEPTH:
            raise NotArithmetic(f"more than {MAX_DEPTH} brackets within brackets")
        self.expression(lowest=1, depth=depth + 1)
        self.expect(closing)

    def fraction(self, depth: int) -> None:
        for _ in ("numerator", "denominator"):
            self.expect("{")
            self.group("}", depth)
        self.postfix.append("/")
