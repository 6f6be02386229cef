r"""Writes the solutions of a problem in one way: `x \in [1,2)`, `1 \le x < 2` and `\{x \mid 1 \le x < 2\}` as `[1,2)`.

Sets become intervals and their unions, and points become pairs of brackets, without the names that they were given. Of
what is not solved, such as `2x < 4`, nothing is made: a sign of inequality is left in it.
"""

import re
from typing import NamedTuple

_VARIABLE = r"(?:[a-zA-Z]|\\(?:theta|alpha|beta|lambda|mu|phi|omega))(?:_\{?\w\}?)?"
_LESS, _MORE = r"\\l(?:eq?|t)(?:slant)?(?![a-zA-Z])|<", r"\\g(?:eq?|t)(?:slant)?(?![a-zA-Z])|>"
_RELATION = re.compile(rf"({_LESS}|{_MORE}|\\neq?(?![a-zA-Z])|\\not\s?=)")
_CLOSED = re.compile(r"\\[lg]eq?")
_OR = re.compile(r"\s(?:or|\\text\{ ?or ?\})\s|\\(?:cup|lor|vee)(?![a-zA-Z])")
_AND = re.compile(r"\s(?:and)\s|\\(?:land|wedge)(?![a-zA-Z])")
_MEMBER = re.compile(rf"(?:(?:for )?all |any |real )*({_VARIABLE})\s?\\in(?![a-zA-Z])\s?(.+)")
_BUILDER = re.compile(rf"\\\{{\s?({_VARIABLE})\s?(?:\\in\s?\\mathbb\{{?R\}}?\s?)?(?:\\mid|\\vert|\||:)\s?(.+?)\s?\\\}}")
_EMPTY = re.compile(r"\\varnothing(?![a-zA-Z])|\\\{\s?\\\}|\\phi$")
_INTERVAL = re.compile(r"[(\[][^,]+,[^,]+[)\]]")
_LETTERS = re.compile(r"[a-zA-Z]")
_NUMBERS_COMMANDS = re.compile(
    r"\\(?:frac|sqrt|pi|infty|ln|log|cdot|times)(?![a-zA-Z])|(?<![a-zA-Z])(?:pi|e)(?![a-zA-Z])"
)


class Solutions(NamedTuple):
    """`name` is the variable, where it was given."""

    text: str
    name: str | None = None

    @property
    def are_solved(self) -> bool:
        return _RELATION.search(self.text) is None


def solutions(text: str) -> Solutions:
    """What a plain text says of the solutions."""
    text = _EMPTY.sub(r"\\emptyset ", text).strip()
    text = _outward(text)
    builder = _BUILDER.fullmatch(text)
    if found := _MEMBER.fullmatch(text) or (builder if builder and _RELATION.search(builder[2]) else None):
        inner = solutions(found[2])
        return inner._replace(name=found[1]) if inner.name in (None, found[1]) else Solutions(text)
    if not _RELATION.search(text):
        return Solutions(_united(text))
    return _of_relations(text) or Solutions(text)


def _united(text: str) -> str:
    """Intervals with `or` between them as a union; of brackets that may be points nothing is made."""
    parts = [part.strip() for part in _OR.split(text)]
    intervals = all(map(_INTERVAL.fullmatch, parts)) and ("[" in text or "]" in text or r"\infty" in text)
    return r" \cup ".join(parts) if len(parts) > 1 and intervals else text


def _outward(text: str) -> str:
    """`]1,2[` is another way to write the open interval (1,2)."""
    if text.startswith("]") or text.endswith("["):
        text = ("(" + text[1:]) if text.startswith("]") else text
        text = (text[:-1] + ")") if text.endswith("[") else text
    return text


def _of_relations(text: str) -> Solutions | None:
    """Of `x<2 or x>3`, `1<x<2`, `x>1 and x<2`, `x \\ne 1`: None unless all of them say where one variable lies."""
    intervals: list[str] = []
    names: set[str] = set()
    for part in _OR.split(text):
        both = [_interval(each.strip()) for each in _AND.split(part)]
        if not all(both) or len(both) > 2:
            return None
        known = [each for each in both if each]
        names |= {name for name, _ in known}
        interval = known[0][1] if len(known) == 1 else _both(known[0][1], known[1][1])
        if interval is None:
            return None
        intervals.append(interval)
    return Solutions(r" \cup ".join(intervals), names.pop()) if len(names) == 1 else None


def _interval(text: str) -> tuple[str, str] | None:
    """The variable of a relation, and the interval that it lies in."""
    parts = [part.strip() for part in _RELATION.split(text)]
    if len(parts) == 3:
        left, sign, right = parts
        if re.fullmatch(_VARIABLE, right) and _is_bound(left):
            left, sign, right = right, _turned(sign), left
        if not re.fullmatch(_VARIABLE, left) or not _is_bound(right):
            return None
        return left, _side(sign, right)
    if len(parts) == 5:
        low, first, name, second, high = parts
        if _is_more(first) and _is_more(second):
            low, first, second, high = high, _turned(second), _turned(first), low
        if (
            re.fullmatch(_VARIABLE, name)
            and _is_less(first)
            and _is_less(second)
            and _is_bound(low)
            and _is_bound(high)
        ):
            return name, f"{'[' if _is_closed(first) else '('}{low},{high}{']' if _is_closed(second) else ')'}"
    return None


def _side(sign: str, bound: str) -> str:
    if _is_less(sign):
        return rf"(-\infty,{bound}{']' if _is_closed(sign) else ')'}"
    if _is_more(sign):
        return rf"{'[' if _is_closed(sign) else '('}{bound},\infty)"
    return rf"(-\infty,{bound}) \cup ({bound},\infty)"


def _both(first: str, second: str) -> str | None:
    """What two half lines have in common, one to each side."""
    if first.startswith(r"(-\infty,") and second.endswith(r",\infty)"):
        first, second = second, first
    if first.endswith(r",\infty)") and second.startswith(r"(-\infty,"):
        return first.removesuffix(r"\infty)") + second.removeprefix(r"(-\infty,")
    return None


def _is_less(sign: str) -> bool:
    return re.fullmatch(_LESS, sign) is not None


def _is_more(sign: str) -> bool:
    return re.fullmatch(_MORE, sign) is not None


def _is_closed(sign: str) -> bool:
    return _CLOSED.match(sign) is not None


def _turned(sign: str) -> str:
    """The same relation, read from the right."""
    return {"<": ">", ">": "<"}.get(sign) or sign.replace(r"\l", "\0").replace(r"\g", r"\l").replace("\0", r"\g")


def _is_bound(text: str) -> bool:
    """Whether it is a number: nothing in it has a name."""
    return bool(text) and not _LETTERS.search(_NUMBERS_COMMANDS.sub("", text)) and "," not in text
