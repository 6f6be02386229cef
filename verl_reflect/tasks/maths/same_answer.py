r"""Whether an answer to a competition problem is the gold one, in its form.

What kind of answer the gold one is decides how: words and choices by spelling, a number as a number that is written
out, solutions and points as sets and coordinates, and all else by math-verify. An answer may be stated as the result of
an equation (see `stated_result`).
"""

import re
from collections.abc import Callable
from fractions import Fraction

from verl_reflect.tasks.maths.choice import choice
from verl_reflect.tasks.maths.latex import letters, readable, said, spelled_alike, without_unit, words
from verl_reflect.tasks.maths.points import coordinates, is_point, point
from verl_reflect.tasks.maths.solutions import Solutions, solutions
from verl_reflect.tasks.maths.stated_result import MOST_SIDES, has_names, is_of, sides, stated_number
from verl_reflect.tasks.maths.work_left import leaves_no_more
from verl_reflect.tasks.maths.written_number import number_of
from verl_reflect.tasks.notation import plain

Same = Callable[..., bool]
"""`Grader.same`."""

_BASE = re.compile(r"[0-9]_\{?([0-9]+)\}?$")
_HALF_OF_DAY = re.compile(r"[ap]\.?m$")
_NAME = re.compile(r"(?:[a-zA-Z]|\\[a-z]+)(?:_\{?\w\}?)?'?(?:\s?\([a-z](?:,\s?[a-z])*\))?")
_DECIMALS = re.compile(r"-?[0-9]*\.[0-9]{6,}")
_TOLERANCE = Fraction(1, 10**6)
_OUTER_COMMA = re.compile(r",(?![0-9]{3}(?![0-9]))")
_NO_MATHS = re.compile('["`@#?]')
"""Stands in code and in sentences; math-verify would take long over them."""
_INNER = re.compile(r"\([^()]*\)|\{[^{}]*\}|\[[^\[\]]*\]")


def same_answer(gold: str, answer: str, same: Same) -> bool:
    """Whether they mean the same, in the same form. `same` compares expressions in LaTeX."""
    if (alike := _by_spelling(gold, answer)) is not None:
        return alike
    gold, answer = plain(without_unit(gold)), _exact(plain(without_unit(answer)))
    if "=" not in gold and (number := number_of(gold, False, True)) is not None:
        return _is_number(number, answer, same)
    if is_point(gold) or is_point(answer):
        gold, answer = point(coordinates(gold), answer), point(answer, gold)
    elif (named := _name_and_value(gold)) is not None:
        return _is_named(*named, answer, same)
    gold, answer = _without_name(gold, answer), _without_name(answer, gold)
    if "=" not in gold and "=" in answer and not _has_commas(answer):
        return _states(gold, sides(answer), same)
    return _are_solutions(solutions(gold), solutions(answer), same)


def comes_to(gold: str, answer: str, same: Same) -> bool:
    """Whether the answer has only to be worked out, or put in form, to be the gold one."""
    gold, answer = (plain(without_unit(text)) for text in (gold, answer))
    return not _NO_MATHS.search(answer) and "=" not in answer and same(readable(gold), readable(answer))


def _by_spelling(gold: str, answer: str) -> bool | None:
    """None where that does not decide."""
    gold_text, text = spelled_alike(gold), spelled_alike(answer)
    if gold_text == text:
        return True
    word = words(gold)
    if word is not None and (r"\text" in gold or said(answer).isalpha()):
        return said(answer) == word or (len(word) == 1 and (choice(plain(answer)) or "").lower() == word)
    if len(gold_text) == 1 and gold_text.isupper() and (chosen := choice(plain(answer))) is not None:
        return chosen == gold_text
    if ":" in gold_text:
        return _HALF_OF_DAY.sub("", text) == gold_text
    return False if _other_base(gold_text, text) else None


def _other_base(gold: str, answer: str) -> bool:
    """Both name the base that they are written in, and it is not the same."""
    bases = _BASE.search(gold), _BASE.search(answer)
    return all(bases) and len({base[1] for base in bases if base}) == 2


def _is_number(number: Fraction, answer: str, same: Same) -> bool:
    """Whether the answer, written as a number or stated as one, is that number, or that in six decimal places."""
    answer = solutions(answer).text
    value = number_of(answer, True, True)
    if value is None and "=" in answer:
        parts = list(map(spelled_alike, sides(answer)))
        value = stated_number(answer, same, True) if len(set(parts)) == len(parts) else None
    if value is None:
        return False
    close = abs(value - number) <= _TOLERANCE * min(Fraction(1), abs(number)) and _never_ends(number)
    return value == number or (close and _DECIMALS.fullmatch(answer) is not None)


def _never_ends(number: Fraction) -> bool:
    """Whether it has no decimals that are exact."""
    rest = number.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest > 1


def _name_and_value(text: str) -> tuple[str, str] | None:
    """What an equation such as `x=5` says of a name; None of other texts, also of one that has names on both sides."""
    parts = sides(text)
    if len(parts) != 2:
        return None
    name, value = parts if _NAME.fullmatch(parts[0]) else reversed(parts)
    return (name, value) if _NAME.fullmatch(name) and value and not has_names(value) else None


def _is_named(name: str, value: str, answer: str, same: Same) -> bool:
    """Whether the answer is the value, or says that the name has it. `2x+3=13` leaves that to be found."""
    parts = sides(answer)
    if len(parts) > 1 and not _has_commas(answer):
        if parts[0] != name and parts[-1] != name:
            return False
        answer = "=".join(parts[1:] if parts[0] == name else parts[:-1])
    return same_answer(value, answer, same)


def _exact(text: str) -> str:
    r"""What stands before `\approx`, where a rounded decimal follows it."""
    exact, approximately, rounded = text.partition(r"\approx")
    value, decimal = number_of(exact), number_of(rounded)
    if not approximately or not exact.strip() or decimal is None or "." not in rounded:
        return text
    return exact if value is None or abs(value - decimal) <= abs(value) / 100 else text


def _without_name(text: str, other: str) -> str:
    """What `y = …` or `f(x) = …` says, where the other text says it without a name or of the same."""
    parts = sides(text)
    unnamed = "=" not in other or sides(other)[0] == parts[0]
    return parts[1] if len(parts) == 2 and unnamed and _NAME.fullmatch(parts[0]) else text


def _states(gold: str, parts: list[str], same: Same) -> bool:
    """Whether the last side of an equation is the gold answer, or the first one is, of numbers or a name."""
    for result, rest in ((parts[-1], parts[:-1]), (parts[0], parts[1:])) if len(parts) <= MOST_SIDES else ():
        named = result == parts[-1] or all(_NAME.fullmatch(part) or not has_names(part) for part in rest)
        stated = named and all(is_of(part, result, same) for part in rest)
        if stated and _are_solutions(solutions(gold), solutions(result), same):
            return True
    return False


def _has_commas(text: str) -> bool:
    """Whether there is more than one thing in the text, outside of all brackets."""
    for _ in range(4):
        text = _INNER.sub(" ", text)
    return _OUTER_COMMA.search(text) is not None or re.search(r"\b(?:and|or)\b", text) is not None


def _in_another_case(gold: str, answer: str) -> bool:
    """Whether the answer has `X` where the gold one has `x`, which math-verify takes for the same."""
    known = letters(gold)
    return any(letter not in known and letter.swapcase() in known for letter in letters(answer))


def _are_solutions(gold: Solutions, answer: Solutions, same: Same) -> bool:
    if gold.name and answer.name and gold.name != answer.name:
        return False
    if gold.are_solved and not answer.are_solved:
        return False
    if (
        _NO_MATHS.search(answer.text)
        or not leaves_no_more(gold.text, answer.text)
        or _in_another_case(gold.text, answer.text)
    ):
        return False
    return same(readable(gold.text), readable(answer.text), True)
