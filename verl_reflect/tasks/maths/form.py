r"""Tells what an expression leaves to do: `17 \cdot 23` a product, `\frac{18a}{24}` a division, `x(x+2)` an expansion.

Whoever is asked for the product of 17 and 23 and answers `17 \cdot 23` says what is equal, and has done nothing. So an
answer may leave to do what the gold answer leaves (`2^{100}`, `\log_2 3`), and nothing else; and a polynomial is a
product of as many factors as the gold one.

It works on the trees that math-verify reads, which are not worked out, so it runs in the grading process only.
"""

from collections.abc import Iterator
from math import gcd
from typing import Any

from sympy import (
    Abs,
    Add,
    Basic,
    Derivative,
    Eq,
    Expr,
    Float,
    Function,
    Integer,
    Integral,
    Limit,
    MatrixBase,
    Max,
    Min,
    Mul,
    Pow,
    Product,
    Rational,
    Sum,
    Symbol,
    cancel,
    exp,
    fraction,
    log,
)
from sympy.core.function import AppliedUndef
from sympy.functions.elementary.trigonometric import InverseTrigonometricFunction, TrigonometricFunction

Tree = Any
"""Sympy's, as math-verify reads it."""

_ALWAYS = (Sum, Product, Integral, Limit, Derivative, Max, Min)
"""Nothing but a task to be done, also where they have variables."""

_MOST_TERMS = 12
"""Of a quotient that is looked at for what could be cancelled, which takes long for many."""


def in_form(gold: Tree, answer: Tree) -> bool:
    """Whether the answer leaves nothing to do that the gold one does not."""
    if isinstance(gold, Expr) and isinstance(answer, Expr) and not _names(answer) <= _names(gold):
        return False  # what does not matter cancels out, as in `x+5-x`; and `c` is not `C`
    return set(_left_to_do(answer)) <= set(_left_to_do(gold)) and _same_shape(gold, answer)


def _names(tree: Tree) -> set[str]:
    return {str(symbol) for symbol in tree.free_symbols - _I}


def _left_to_do(tree: Tree) -> Iterator[str]:
    """A word for each thing."""
    for node in _nodes(tree):
        if isinstance(node, _ALWAYS):
            yield type(node).__name__
        elif isinstance(node, Function) and not isinstance(node, (AppliedUndef, exp)):
            yield from _of_function(node)
        elif isinstance(node, (Add, Mul)):
            yield from _of_sum(node) if isinstance(node, Add) else _of_product(node)
        elif isinstance(node, Pow):
            yield from _of_power(node)


def _nodes(tree: Tree) -> Iterator[Tree]:
    """All parts; a sum within a sum, or a product within a product, is a part of that one."""
    parts = [tree]
    while parts:
        node = parts.pop()
        yield node
        if isinstance(node, (Add, Mul)):
            parts += _terms(node)
        elif isinstance(node, MatrixBase):
            parts += node.flat()
        elif isinstance(node, Basic):
            parts += node.args


def _terms(node: Tree) -> list[Tree]:
    """The terms of a sum, or the factors of a product, with those of a sum within it."""
    found, parts = [], list(node.args)
    while parts:
        part = parts.pop()
        if isinstance(part, type(node)):
            parts += part.args
        else:
            found.append(part)
    return found


def _of_function(node: Tree) -> Iterator[str]:
    """Of a number, a function can be worked out, or is what the gold answer has; a logarithm also `\\ln x^2`-like."""
    if _has_variables(node) or (isinstance(node, Abs) and isinstance(node.args[0], (Rational, Float))):
        return
    if isinstance(node, (TrigonometricFunction, InverseTrigonometricFunction)):
        yield "trigonometry"
    else:
        yield "logarithm" if isinstance(node, log) else type(node).__name__


def _of_sum(node: Tree) -> Iterator[str]:
    """Two numbers to add, or like terms to collect."""
    terms = _terms(node)
    if sum(map(_is_number, terms)) > 1 or len(Add.make_args(Add(*map(_worked_out, terms)))) < len(terms):
        yield "arithmetic"


def _of_product(node: Tree) -> Iterator[str]:
    """Two numbers to multiply, a fraction to reduce, or powers of the same base to join."""
    factors = [factor for factor in _terms(node) if factor not in (1, -1)]
    numbers = [factor for factor in factors if isinstance(factor, (Rational, Float))]
    below = [number for factor in factors for number in _whole_numbers_below(factor)]
    tens = [factor for factor in factors if _is_power_of_ten(factor)]
    if len(numbers) > 1 or len(below) > 1 or len(tens) > 1 or (tens and (len(factors) > 2 or not numbers)):
        yield "arithmetic"
    wholes = [number for number in numbers if isinstance(number, Integer)]
    if 1 in below or any(gcd(int(top), int(under)) > 1 for top in wholes for under in below + _roots_below(node)):
        yield "fraction"
    others = [factor for factor in factors if factor not in numbers + tens and not _is_whole_below(factor)]
    if sum(not part.is_Rational for part in Mul.make_args(Mul(*map(_worked_out, others)))) < len(others):
        yield "arithmetic"
    yield from _of_quotient(node)


def _of_quotient(node: Tree) -> Iterator[str]:
    """Something to cancel, or a fraction within what is below."""
    below = [factor for factor in _terms(node) if isinstance(factor, Pow) and _is_negative(factor.exp)]
    below = [factor for factor in below if _has_variables(factor.base)]
    if not below:
        return
    if any(isinstance(part, Pow) and _is_negative(part.exp) for each in below for part in _nodes(each.base)):
        yield "compound fraction"
    elif len(list(_nodes(node))) <= _MOST_TERMS * 4 and _can_be_cancelled(node):
        yield "fraction"


def _can_be_cancelled(node: Tree) -> bool:
    symbols = sorted(node.free_symbols, key=str)
    try:
        before, after = (fraction(tree)[1] for tree in (node, cancel(node)))
        degrees = [tree.as_poly(*symbols).total_degree() if tree.free_symbols else 0 for tree in (before, after)]
    except Exception:  # no polynomials; sympy's errors are of every kind
        return False
    return bool(degrees[1] < degrees[0])


def _of_power(node: Tree) -> Iterator[str]:
    """A power of a number, a root with something to take out, or a sum with a root or `i` below a line."""
    base, exponent = node.args
    if isinstance(base, (Rational, Float)) and isinstance(exponent, Integer):
        if exponent != -1 and not _is_power_of_ten(node):
            yield "arithmetic"
    elif isinstance(base, Rational) and isinstance(exponent, Rational):
        if not isinstance(Pow(base, abs(exponent)), Pow):  # 5 came out of the root of 50; `4^{1/3}` stays one power
            yield "root"
    elif isinstance(base, Pow) and exponent != -1 and isinstance(base.exp, Integer) and isinstance(exponent, Rational):
        yield "arithmetic"
    elif isinstance(base, Add) and exponent == -1 and not _has_variables(base):
        yield "denominator"


def _is_number(term: Tree) -> bool:
    r"""Also `-1 \cdot 5`, as a difference is read."""
    return not _has_variables(term) and isinstance(_worked_out(term), (Rational, Float))


def _is_whole_below(factor: Tree) -> bool:
    return isinstance(factor, Pow) and isinstance(factor.base, Integer) and factor.exp == -1


def _whole_numbers_below(factor: Tree) -> list[Tree]:
    r"""The 2 of `\frac{1}{2x}`."""
    if not isinstance(factor, Pow) or factor.exp != -1:
        return []
    return [number for number in Mul.make_args(factor.base) if isinstance(number, Integer)]


def _roots_below(node: Tree) -> list[Tree]:
    r"""The 3 of `\frac{6}{\sqrt3}`."""
    below = [factor.base for factor in _terms(node) if isinstance(factor, Pow) and factor.exp == -1]
    factors = [factor for base in below for factor in Mul.make_args(base)]
    return [root.base for root in factors if isinstance(root, Pow) and isinstance(root.base, Integer)]


def _is_power_of_ten(factor: Tree) -> bool:
    if not isinstance(factor, Pow) or factor.base != 10 or factor.exp == -1:
        return False
    return isinstance(_worked_out(factor.exp), Integer)


def _is_negative(exponent: Tree) -> bool:
    return isinstance(exponent, (Rational, Float)) and exponent < 0


_I = {Symbol("i", real=True), Symbol("i", real=False), Symbol("i")}


def _has_variables(tree: Tree) -> bool:
    return bool(tree.free_symbols - _I)


def _worked_out(tree: Tree) -> Tree:
    """What sympy makes of it by itself, up to powers that would be long."""
    if not isinstance(tree, (Add, Mul, Pow)):
        return tree
    if isinstance(tree, Pow) and isinstance(tree.exp, Rational) and abs(tree.exp) > 1000:
        return tree
    return tree.func(*map(_worked_out, tree.args))


def _same_shape(gold: Tree, answer: Tree) -> bool:
    """Two polynomials are products of as many factors, or sums that are expanded or not."""
    gold, answer = _stated(gold), _stated(answer)
    if not (_has_sum(gold) or _has_sum(answer)):
        return True
    shapes = _shape(gold), _shape(answer)
    return None in shapes or shapes[0] == shapes[1]


def _stated(tree: Tree) -> Tree:
    """What an equation says of its left side, where that is a name."""
    if isinstance(tree, Eq) and isinstance(tree.lhs, (Symbol, AppliedUndef)):
        return tree.rhs
    return tree


def _has_sum(tree: Tree) -> bool:
    return isinstance(tree, (Add, Mul, Pow)) and any(isinstance(node, Add) for node in _nodes(tree))


def _shape(tree: Tree) -> tuple[str, int] | None:
    """None of what is no polynomial."""
    if not isinstance(tree, (Add, Mul, Pow, Symbol)) or not _has_variables(tree):
        return None
    if not tree.is_polynomial(*(tree.free_symbols - _I)):
        return None
    if isinstance(tree, Add):
        return "sum", int(any(_factors(term) > 1 and _has_variable_sum(term) for term in _terms(tree)))
    factors = _factors(tree)
    return ("sum", 0) if factors == 1 else ("product", factors)


def _factors(tree: Tree) -> int:
    """How many factors with variables a product has, and a whole number before a sum."""
    parts = _terms(tree) if isinstance(tree, Mul) else [tree]
    count = sum(_multiplicity(part) for part in parts)
    number = any(isinstance(part, Integer) and abs(part) != 1 for part in parts)
    fractional = any(_is_whole_below(part) or (isinstance(part, Rational) and part.q != 1) for part in parts)
    return count + (number and not fractional and any(map(_has_variable_sum, parts)))


def _multiplicity(factor: Tree) -> int:
    if not _has_variables(factor):
        return 0
    if isinstance(factor, Pow) and isinstance(factor.exp, Integer):
        return int(factor.exp) * _multiplicity(factor.base)
    return _factors(factor) if isinstance(factor, Mul) else 1


def _has_variable_sum(tree: Tree) -> bool:
    return any(isinstance(node, Add) and _has_variables(node) for node in _nodes(tree))
