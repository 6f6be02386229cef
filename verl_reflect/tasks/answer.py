r"""Finds the final answer in what a response says: `<answer>…</answer>`, `\boxed{…}` or `\fbox{…}`; the last to open.

Only the last opening is looked at. One that never closes is no answer, even after an earlier one that did: the response
was cut off while it changed its mind. One with nothing inside is passed over, as in "I put it in \boxed{}". Answers in
a thought are none (see `thought`). The cost is bounded whatever the response holds, because only its end is searched
and only a short answer is read.
"""

import re
from typing import NamedTuple

from verl_reflect.tasks.thought import said

MAX_ANSWER_CHARS = 512
"""A longer answer is none. An equation over 6 numbers, spelled out in LaTeX with every bracket, takes about 200."""

SEARCHED_CHARS = 200_000
"""Characters at the end of a response that are searched; 32,768 tokens are about 130,000."""

MAX_EMPTY = 4
"""Answers with nothing inside that are passed over."""

# A greedy `.*` finds the last match without a look at every other. What they begin with stays out of the group: so the
# search for it is one for a letter.
_TAG = re.compile(r"(?s:.*)<(\s?answer\s?>)", re.IGNORECASE)
_BOX = re.compile(r"(?s:.*)\\((?:boxed|fbox)\s*\{)")
_END_TAG = re.compile(r"</\s?answer\s?>", re.IGNORECASE)
_BRACE = re.compile(r"\\[\\{}]|[{}]")


def last_answer(response: str) -> str | None:
    """The text inside the last answer, or None where there is no complete one of at most MAX_ANSWER_CHARS."""
    text = said(response)
    end = len(text)
    for _ in range(MAX_EMPTY + 1):
        opening = _last_opening(text, end)
        if opening is None:
            return None
        answer = opening.inside(text)
        if answer is None or answer.strip():
            return answer
        end = opening.start
    return None


def last_opening(text: str) -> int:
    """Where the last answer opens in what is said, complete or not; -1 where none does."""
    opening = _last_opening(text, len(text))
    return opening.start if opening else -1


class _Opening(NamedTuple):
    start: int
    end: int
    is_tag: bool

    def inside(self, text: str) -> str | None:
        return _until_end_tag(text, self) if self.is_tag else _until_brace_closes(text, self.end)


def _last_opening(text: str, end: int) -> _Opening | None:
    floor = max(0, end - SEARCHED_CHARS)
    tag = _TAG.match(text, floor, end) if "<" in text else None
    box = _BOX.match(text, floor, end)
    if tag and (not box or tag.start(1) > box.start(1)):
        return _Opening(tag.start(1) - 1, tag.end(), is_tag=True)
    return _Opening(box.start(1) - 1, box.end(), is_tag=False) if box else None


def _until_end_tag(text: str, opening: _Opening) -> str | None:
    end = _END_TAG.search(text, opening.end, opening.end + MAX_ANSWER_CHARS + len("</ answer >"))
    if end is None:
        return _before_misspelled_end(text, opening)
    return text[opening.end : end.start()] if end.start() - opening.end <= MAX_ANSWER_CHARS else None


def _before_misspelled_end(text: str, tag: _Opening) -> str | None:
    """What stands in `<answer>…<answer>`, where the text ends with it: the slash was forgotten."""
    before = None if text[tag.end : tag.end + MAX_ANSWER_CHARS].strip() else _last_opening(text, tag.start)
    if before is None or not before.is_tag or tag.start - before.end > MAX_ANSWER_CHARS:
        return None
    return text[before.end : tag.start].strip() or None


def _until_brace_closes(text: str, start: int) -> str | None:
    depth = 1
    for brace in _BRACE.finditer(text, start, start + MAX_ANSWER_CHARS + 1):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return text[start : brace.start()]
    return None
