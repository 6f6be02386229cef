r"""Reads and evaluates arithmetic over whole numbers, in plain or LaTeX spelling, exactly and without `eval`.

    whole      = sum | sum, "\over", sum
    sum        = operand, {("+" | "-" | "*" | "/"), operand}        * and / bind tighter; equals group to the left
    operand    = number | "(", sum, ")" | "[", sum, "]" | "\{", sum, "\}" | "{", operand, "}" | fraction
    fraction   = "\frac", "{", sum, "}", "{", sum, "}" | "{", sum, "\over", sum, "}"

There is no sign: a minus must stand between two operands, since a task that counts how often each number is used would
otherwise have `-3` pass for 3. There is no decimal point, power, floor division or implied product either: `2 3` and
`2(3)` are errors, and so is a number with a leading zero. Braces do not group a sum, because LaTeX does not show them:
`{3+5}*2` reads 3+5*2.

A `Parser` of a larger grammar may have more kinds of operands.
"""

import re
from fractions import Fraction

from verl_reflect.tasks.token_stream import END, TokenStream

MAX_DEPTH = 20
"""Brackets within brackets. It bounds the recursion; six numbers need no more than five."""

_TOKEN = re.compile(r"[0-9]+\.[0-9]+|0|[1-9][0-9]*|\\(?:left|right)?[(){}\[\]]|\\[a-zA-Z]+|\S")
OPERATOR_SPELLINGS = {
    **dict.fromkeys(("x", "X", r"\times", r"\cdot", r"\cdotp", r"\ast", r"\bullet", "\N{MULTIPLICATION SIGN}"), "*"),
    **dict.fromkeys((r"\div", r"\slash", "\N{DIVISION SIGN}"), "/"),
    "\N{MINUS SIGN}": "-",
}
_SPELLINGS = {
    **OPERATOR_SPELLINGS,
    **{rf"\{side}{bracket}": bracket for side in ("left", "right") for bracket in "()[]"},
    r"\dfrac": r"\frac",
}
_BRACKETS = {"(": ")", "[": "]", r"\{": r"\}"}
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}

Postfix = list[int | Fraction | str]
"""Numbers and operators, each operator after its two operands: `2*(3+4)` is 2 3 4 + *."""


class NotArithmetic(ValueError):  # noqa: N818  (it names what the text is, not a fault of the program)
    """The text is not an expression of this grammar."""


def parse(text: str) -> Postfix:
    """The expression in `text`, which the caller keeps short (int() refuses numbers of thousands of digits).

    Raises NotArithmetic for anything outside the grammar above.
    """
    return Parser(text).whole()


def evaluate(postfix: Postfix) -> Fraction | None:
    """The exact value of an expression, or None where it divides by zero."""
    stack: list[Fraction] = []
    for item in postfix:
        if not isinstance(item, str):
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


def _deeper(depth: int) -> int:
    if depth == MAX_DEPTH:
        raise NotArithmetic(f"more than {MAX_DEPTH} brackets within brackets")
    return depth + 1


class Parser(TokenStream):
    """Precedence climbing over a list of tokens; what it has read so far is in `postfix`."""

    fault = NotArithmetic

    def __init__(self, text: str) -> None:
        # Whatever the grammar does not know becomes a token too, and is refused where it stands.
        super().__init__(_SPELLINGS.get(token, token) for token in _TOKEN.findall(text))
        self.postfix: Postfix = []

    def whole(self) -> Postfix:
        self.sum(depth=0)
        self.over(depth=0)
        self.expect(END)
        return self.postfix

    def sum(self, depth: int, lowest: int = 1) -> bool:
        """Read operands joined by operators of at least the precedence `lowest`. Whether there were any."""
        self.operand(depth)
        joined = False
        while _PRECEDENCE.get(self.tokens[self.position], 0) >= lowest:
            operator = self.take()
            self.sum(depth, _PRECEDENCE[operator] + 1)
            self.postfix.append(operator)
            joined = True
        return joined

    def operand(self, depth: int) -> None:
        token = self.take()
        if token.isascii() and token.isdecimal():
            self.postfix.append(int(token))
        elif token in _BRACKETS:
            self.group(_BRACKETS[token], depth)
        elif token == "{":
            self.braces(depth)
        elif token == r"\frac":
            self.fraction(depth)
        else:
            raise NotArithmetic(f"{token or 'the end'!r} where a number or a bracket was expected")

    def group(self, closing: str, depth: int) -> None:
        self.sum(_deeper(depth))
        self.expect(closing)

    def braces(self, depth: int) -> None:
        joined = self.sum(_deeper(depth))
        fraction = self.over(depth)
        self.expect("}")
        if joined and not fraction:
            raise NotArithmetic("braces around a sum")

    def over(self, depth: int) -> bool:
        r"""Read what `\over` divides the sum before it by. Whether there is one."""
        if self.tokens[self.position] != r"\over":
            return False
        self.take()
        self.sum(depth)
        self.postfix.append("/")
        return True

    def fraction(self, depth: int) -> None:
        for _ in ("numerator", "denominator"):
            self.expect("{")
            self.group("}", depth)
        self.postfix.append("/")
