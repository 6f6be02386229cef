r"""Reads an answer that is one number, exactly: `$1,234.50`, `42 apples`, `x = 42`, `20\%`, `3\frac12`, `5 million`.

    answer = ["\approx"], [label, ("=" | ":" | "is")], [sign], [currency], [sign], number, [scale], ["%"], [unit], ["."]
    number = digits and decimals, thousands grouped by commas, spaces or not, times a power of ten, repeating decimals
           | fraction in lowest terms | whole number and fraction

The whole answer is read. A scale counts (see `scale`): `1.5 million` and `1.5M` are 1500000, `3 quarters` 3/4. Other
words are a unit (see `unit`) and not looked at: `50 cents` is 50. Anything else is no number here, such as two numbers,
a sum, or a fraction that can be reduced: those are work left to do.
"""

import re
from fractions import Fraction
from math import gcd

from verl_reflect.tasks.maths.scale import SCALE, factor
from verl_reflect.tasks.maths.unit import denies, is_unit
from verl_reflect.tasks.notation import plain

MOST_ZEROS = 100
"""The largest power of ten that is read; it bounds the digits of a number."""

_AT_ONCE = re.compile(r"-?[0-9]{1,30}")
"""What needs no more reading, for speed: most answers."""

_GROUPS = r"[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}|[0-9]{1,3}(?: [0-9]{3})+(?![0-9])|[0-9]+"
_REPEATED = r"\\(?:overline|bar|dot)\s?\{(?P<period>[0-9]{1,30})\}"
_DECIMAL = rf"(?P<digits>{_GROUPS})?(?:\.(?! ?[^\W\d_])(?P<decimals>[0-9]*)(?:{_REPEATED})?)?"
_EXPONENT = r"[eE](?P<e>[-+]?[0-9]{1,3})"
_POWER = (
    r"\s?(?:\\times|\\cdot|\*)\s?10\s?\^\s?(?:\{\s?(?P<power>[-+]?[0-9]{1,3})\s?\}|(?P<bare_power>[-+]?[0-9]{1,3}))"
)
_TEN = r"\s?\\times\s?(?P<ten>10)(?![0-9.])"
_TIMES = rf"(?:{_EXPONENT}|{_POWER}|{_TEN})?"
_LATEX = r"\\frac\s?\{\s?(?P<over_sign>-?)(?P<over>[0-9]+)\s?\}\s?\{\s?(?P<under_sign>-?)(?P<under>[0-9]+)\s?\}"
_RAISED = r"\^\{?(?P<raised>[0-9]+)\}?\s?/\s?_\{?(?P<lowered>[0-9]+)\}?"
_SLASH = r"(?:(?P<whole>[0-9]+) )?(?P<top>[0-9]+)\s?/\s?(?P<bottom>[0-9]+)"
_NUMBER = rf"(?:{_SLASH}|{_RAISED}|(?P<integer>[0-9]+)?\s?{_LATEX}|{_DECIMAL}{_TIMES})(?:_\{{?10\}}?)?"

_LABEL = r"(?P<label>[^\W\d_][\w' ]{0,80}?\s?(?:[=:]|(?<= )(?:is|are|was|equals)\b))?"
_SIGN_OF_CURRENCY = r"(?:US|CA|AU|A|C|NZ|HK)?\\?\$|[€£¥₹]|\\(?:pounds|euro|yen)\b"
_CURRENCY = rf"(?:{_SIGN_OF_CURRENCY}|(?:USD|EUR|GBP|INR|Rs)\b\.?)?"
_BEFORE = rf"(?:\\approx)?\s?{_LABEL}\s?(?P<minus>[-+]?)\s?{_CURRENCY}\s?(?P<minus2>-?)\s?"
_ANSWER = re.compile(rf"{_BEFORE}{_NUMBER}(?P<scale>{SCALE})\s?(?:\\?%)?(?P<unit>.*)")

_LAST_MARK = re.compile(r"(?<![.,;])\s?[.,;]$")
_AROUND = (("(", ")"), ("{", "}"), (r"\{", r"\}"), ("|", "|"), (r"\lvert", r"\rvert"))

_Parts = dict[str, str | None]


def read_number(text: str, lowest: bool = True) -> Fraction | None:
    """The number that the text is, or None if it is not one. The caller keeps the text short.

    Args:
        lowest: Read no fraction that can be reduced.
    """
    text = text.strip()
    if _AT_ONCE.fullmatch(text):
        return Fraction(int(text))
    # `~` before a number says "about", and to LaTeX it is a space.
    return None if text.startswith("~") else number_of(plain(text), lowest)


def number_of(text: str, lowest: bool = True, beside_variables: bool = False) -> Fraction | None:
    """`read_number` of a text that is plain already; `beside_variables` as for `is_unit`."""
    # One space for many: the pattern would try every way to divide a long run of them.
    text, positive = _without_brackets(" ".join(text.strip("*# \n").split()))
    found = _ANSWER.fullmatch(_LAST_MARK.sub("", text))
    if found is None or not is_unit(found["unit"], beside_variables) or denies(found["label"] or ""):
        return None
    part = found.groupdict()
    minuses = [part[sign] for sign in ("minus", "minus2", "over_sign", "under_sign")].count("-")
    size = _size(part, lowest) if minuses < 2 else None
    if size is None:
        return None
    size *= factor(found["scale"])
    return -size if minuses and not positive else size


def _without_brackets(text: str) -> tuple[str, bool]:
    """The text within a pair of brackets or two, and whether one of them is of bars, which leave no minus."""
    positive = False
    for opening, closing in _AROUND * 2:
        bare = "," not in text and len(text) > len(opening) + len(closing)  # `(1,234)` are two
        if bare and text.startswith(opening) and text.endswith(closing):
            text = text[len(opening) : -len(closing)].strip()
            positive |= "|" in opening or "vert" in opening
    return text, positive


def _size(part: _Parts, lowest: bool) -> Fraction | None:
    top = part["top"] or part["over"] or part["raised"]
    bottom = part["bottom"] or part["under"] or part["lowered"]
    if top and bottom:
        return _of_fraction(int(part["whole"] or part["integer"] or "0"), int(top), int(bottom), lowest)
    return _of_decimal(part)


def _of_decimal(part: _Parts) -> Fraction | None:
    digits, decimals, period = re.sub("[, ]", "", part["digits"] or ""), part["decimals"] or "", part["period"] or ""
    power = int(part["e"] or part["power"] or part["bare_power"] or ("1" if part["ten"] else "0"))
    if not digits + decimals + period or abs(power) > MOST_ZEROS:
        return None
    if part["ten"] and not (len(digits) == 1 and decimals):  # `4.2 \times 10` is a number, `6 \times 10` a task
        return None
    size = Fraction(int(f"0{digits}{decimals}"), 10 ** len(decimals))
    if period:
        size += Fraction(int(period), (10 ** len(period) - 1) * 10 ** len(decimals))
    return size * Fraction(10) ** power


def _of_fraction(whole: int, top: int, bottom: int, lowest: bool) -> Fraction | None:
    if not bottom or (whole and top >= bottom):
        return None
    if lowest and (gcd(top, bottom) > 1 or bottom == 1):
        return None
    return whole + Fraction(top, bottom)
