"""Finds the calls that a mark announces, whatever dialect they are in.

- Of several kinds of marks the last one counts, with every call of its kind, as a program that runs the calls of one
  family would have it. The words around closed blocks are passed over.
- One call of that kind that cannot be read spoils the others.
- From the first mark on, at most `json_values.MAX_CHARS` characters.
"""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from verl_reflect.tasks.calls.call import BrokenCalls, Call, NotCalls
from verl_reflect.tasks.calls.dialects.dialect import Dialect, Read
from verl_reflect.tasks.calls.dialects.table import BY_OPENING, openings_in
from verl_reflect.tasks.calls.json_values import MAX_BRACKETS, MAX_CHARS, NotJson

MAX_CALLS = 100
"""More calls than this are none; data sets ask for ten at most."""

SEARCHED_CHARS = 2 * MAX_CHARS
"""Characters at the end in which there must be a mark of a kind for it to count. It bounds the time."""

MAX_BROKEN = 3
"""Marks that lead to nothing, after which the rest is not read. It bounds the time."""


class Section(NamedTuple):
    """What one mark announces: calls, or what is wrong with them."""

    kind: str
    calls: list[Call]
    fault: str


def read_marked_calls(text: str) -> list[Call] | None:
    """The calls behind the marks in `text`; None where there is no mark. Raises BrokenCalls."""
    found = list(sections(text))
    if not found:
        return None
    last = [section for section in found if section.kind == found[-1].kind]
    for section in last:
        if section.fault:
            raise BrokenCalls(section.fault)
    calls = [call for section in last for call in section.calls]
    if len(calls) > MAX_CALLS:
        raise BrokenCalls("too many calls")
    return calls


def sections(text: str) -> Iterator[Section]:
    """From left to right. What stands within one is its text, marks included."""
    openings = openings_in(text[-SEARCHED_CHARS:])
    position = broken = count = 0
    while (found := _next(text, openings, position)) and broken <= MAX_BROKEN and count <= MAX_CALLS:
        opening, start = found
        if not count and _too_much(text, start):
            yield Section(_kind(opening), [], "too long or too deep")
            return
        try:
            calls, position = _read(text, BY_OPENING[opening], start)
        except NotCalls as fault:
            position, broken = start, broken + 1
            yield Section(_kind(opening), [], str(fault))
        else:
            yield Section(_kind(opening), calls, "")
        count += 1


def _next(text: str, openings: Collection[str], position: int) -> tuple[str, int] | None:
    """The next mark that is meant as one, and the place after it."""
    places = [(place, opening) for opening in openings if (place := _find(text, opening, position)) >= 0]
    if not places:
        return None
    place, opening = min(places)
    return opening, place + len(opening)


def _find(text: str, opening: str, position: int) -> int:
    meant = BY_OPENING[opening][0].meant
    place = text.find(opening, position)
    while meant and place >= 0 and not meant.match(text, place + len(opening)):
        place = text.find(opening, place + len(opening))
    return place


def _kind(opening: str) -> str:
    return BY_OPENING[opening][0].kind or opening


def _too_much(text: str, start: int) -> bool:
    return len(text) - start > MAX_CHARS or text.count("[", start) + text.count("{", start) > MAX_BRACKETS


def _read(text: str, dialects: tuple[Dialect, ...], start: int) -> Read:
    """By the first dialect that can. Raises NotCalls with what the first that reads anything at all has to say."""
    faults = []
    for dialect in dialects:
        try:
            return dialect.section(text, start)
        except (NotCalls, NotJson) as fault:
            faults.append(str(fault))
    raise NotCalls(faults[0])
