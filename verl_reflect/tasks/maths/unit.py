r"""Tells a unit, which may follow a number and change nothing (`apples`, `km/h`, `m^2`), from words that say more.

Nobody can list all units, but what makes a number another one, or none, is said with few words: other numbers
(`and a half`, `out of four`), arithmetic (`minus one`, `squared`), comparisons (`or more`), doubts (`maybe`), denials.
With one of those in it, a text is no unit. Letters that are no word are variables: `42x`, `42ab`.
"""

import re

_NUMBERS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety half halves thirds quarter quarters once
    twice thrice double doubled triple tripled halved ones tens hundred hundreds thousand thousands million millions
    billion billions trillion trillions lakh lakhs crore crores st nd rd th
"""
_ARITHMETIC = "plus minus multiplied divided over squared cubed factorial root mod modulo power exponent pi infinity"
_COMPARISONS = "less least most than between above below under up to out"
_DOUBTS = "maybe perhaps possibly probably either if else unless otherwise except instead versus vs but unsure guess"
_DENIALS = """
    not no none non never nothing nor neither wrong incorrect false impossible invalid undefined cannot isn isnt doesn
    doesnt wasn wasnt
"""
_CLAIMS = "is are was were be equals equal means makes"
_SAYS_MORE = frozenset(" ".join((_NUMBERS, _ARITHMETIC, _COMPARISONS, _DOUBTS, _DENIALS, _CLAIMS)).split())
_DENIES = frozenset(" ".join(("less least most than between half twice double", _DOUBTS, _DENIALS)).split())
_CHINESE = re.compile("[零一二三四五六七八九十百千万亿半两或不非无和加减乘除多少约倍]")
_OR_MORE = re.compile(
    r"\b(?:or|and) (?:even )?(?:more|fewer|greater|higher|lower|larger|smaller|older|younger|later|earlier|so on)\b"
)

_LETTERS = frozenset("mghlLdtWVANJCFs")
_UNITS = "cm mm km dm kg mg cg kL mL ml cc ft in yd mi lb oz pt qt hr GB MB KB TB kW Hz kJ sq AM PM am pm mph lbs"
_LITTLE = "a an of in on at by or so as per and the for"
"""Words that stand between those of a unit."""
_SHORT = frozenset(f"{_UNITS} {_LITTLE}".split())

MIN_WORD = 4
"""Letters of a bare word beside expressions, where fewer may be variables."""

_WORD = re.compile(r"[^\W\d_]+")
_PHRASE = re.compile(
    r"(?:[^\W\d_]|[0-9]{1,3}-(?=[^\W\d_])|(?<=[^\W\d_])\s*\^\s?(?:\{-?[123]\}|-?[123])|\^\s?\{?\\circ\s?\}?"
    r"|\\(?:degree|circ|cdot)|(?<=[^\W\d_])'|[ ./()€£¥₹¢-]|\\?[$%])*"
)
_NO_START = re.compile(r"\s*(?:and|or|[/.)]|-\s)(?!\s+so\b)")
_COMMAND = re.compile(r"\\circ\s?\}?\s?[CF]\b|\\[a-z]+")


def is_unit(text: str, beside_variables: bool = False) -> bool:
    """Whether the text, which stands behind a number, names what is counted, and says nothing else of it.

    Args:
        beside_variables: A short word is a product of variables, unless it is a unit that everyone knows.
    """
    if not text.strip():
        return True
    if not _PHRASE.fullmatch(text) or _NO_START.match(text) or ".." in text or _OR_MORE.search(text):
        return False
    words = _WORD.findall(_COMMAND.sub(" ", text))
    return all(_is_of_unit(word, beside_variables) for word in words)


def _is_of_unit(word: str, beside_variables: bool) -> bool:
    if not word.isascii():
        return not _CHINESE.search(word)
    if word in _SHORT:
        return True
    if beside_variables and len(word) < MIN_WORD:
        return False
    return word in _LETTERS if len(word) == 1 else len(word) > 2 and word.lower() not in _SAYS_MORE


def denies(text: str) -> bool:
    """Whether words before a number say that it is none, or not the one, as `not` and `less than` do."""
    return any(word.lower() in _DENIES for word in _WORD.findall(text)) or re.search("[不非]", text) is not None
