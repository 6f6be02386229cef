"""Reads an answer that is an equation: `(3+5)*2`, `(3+5)*2 = 16`, `16 = (3+5)*2`, `(3+5)*2 = 8*2 = 16.0`.

One side says how the numbers are used: the first that is more than a number. It is an expression of `arithmetic`, and
its numbers count. The other sides are links on the way, in which operands may have signs and decimals, as in `-2 + 18`.

An answer is read in the spelling of `notation`, without a full stop at its end and commas between thousands.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from verl_reflect.tasks.expressions.arithmetic import NotArithmetic, Parser, Postfix, evaluate, parse
from verl_reflect.tasks.notation import plain

_NUMBER = re.compile(r"(?P<bracket>\()?\s*(-?)\s*([0-9]+(?:\.[0-9]+)?)\s*(?(bracket)\))")
_BRACE = re.compile(r"\\[{}]|[{}]")
MAX_BRACES = 4
"""Braces that show nothing, around all of an answer or of a side."""
_THOUSANDS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")
_FULL_STOP = re.compile(r"(?<!\.)[.。]\Z")


@dataclass(frozen=True)
class Equation:
    """The side whose numbers count, and the values of the others: None for one that divides by zero."""

    expression: Postfix
    links: tuple[Fraction | None, ...]

    @property
    def numbers(self) -> list[int]:
        """Those in the expression, in their order."""
        return [item for item in self.expression if isinstance(item, int)]

    def equals(self, target: int) -> bool:
        """Whether every side has this value."""
        return all(link == target for link in self.links) and evaluate(self.expression) == target


def read_equation(text: str) -> Equation:
    """The equation that the text is. Raises NotArithmetic where it is none, or another text beside one."""
    spelled = _unbraced(_FULL_STOP.sub("", plain(text)))
    sides = [_unbraced(side.strip()) for side in _THOUSANDS.sub("", spelled).split("=")]
    if len(sides) == 1:
        return Equation(parse(sides[0]), ())
    alone = [_number(side) is not None for side in sides]
    counted = alone.index(False) if False in alone else 0
    links = [_value(side) for place, side in enumerate(sides) if place != counted]
    return Equation(parse(sides[counted]), tuple(links))


def _unbraced(text: str) -> str:
    for _ in range(MAX_BRACES):
        if not text.startswith("{") or _closing(text) != len(text) - 1:
            break
        text = text[1:-1].strip()
    return text


def _closing(text: str) -> int:
    """Where the brace closes that the text starts with; -1 where it does not."""
    depth = 0
    for brace in _BRACE.finditer(text):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return brace.start()
    return -1


def _number(side: str) -> Fraction | None:
    """The number that a side is, None where it is more than that."""
    found = _NUMBER.fullmatch(side)
    return Fraction(found[2] + found[3]) if found else None


def _value(side: str) -> Fraction | None:
    number = _number(side)
    return evaluate(_LinkParser(side).whole()) if number is None else number


class _LinkParser(Parser):
    """Reads a side whose numbers do not count."""

    def operand(self, depth: int) -> None:
        token = self.tokens[self.position]
        if token == "-":
            self.negative(depth)
        elif token.isascii() and token.replace(".", "", 1).isdecimal():
            self.postfix.append(Fraction(self.take()))
        else:
            super().operand(depth)

    def negative(self, depth: int) -> None:
        self.take()
        if self.tokens[self.position] == "-":
            raise NotArithmetic("two signs")
        self.postfix.append(0)
        self.operand(depth)
        self.postfix.append("-")
