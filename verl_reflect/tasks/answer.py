r"""Finds the final answer in a response: `<answer>…</answer>` or `\boxed{…}`, whichever opens last.

Only the last opening is looked at. One that never closes is no answer, even after an earlier one that did: the response
was cut off while it changed its mind. The cost is bounded whatever the response holds, because only its end is searched
and only a short answer is read.
"""

import re

MAX_ANSWER_CHARS = 512
"""A longer answer is none. An equation over 6 numbers, spelled out in LaTeX with every bracket, takes about 200."""

SEARCHED_CHARS = 200_000
"""Characters at the end of a response that are searched; 32,768 tokens are about 130,000."""

TAG, END_TAG, BOX = "<answer>", "</answer>", r"\boxed{"
_BRACE = re.compile("[{}]")


def last_answer(response: str) -> str | None:
    """The text inside the last answer, or None where there is no complete one of at most MAX_ANSWER_CHARS."""
    floor = max(0, len(response) - SEARCHED_CHARS)
    tag, box = response.rfind(TAG, floor), response.rfind(BOX, floor)
    if tag > box:
        return _until_end_tag(response, tag + len(TAG))
    if box >= 0:
        return _until_brace_closes(response, box + len(BOX))
    return None


def last_opening(response: str) -> int:
    """Where the last answer opens, complete or not; -1 where none does."""
    floor = max(0, len(response) - SEARCHED_CHARS)
    return max(response.rfind(TAG, floor), response.rfind(BOX, floor))


def _until_end_tag(response: str, start: int) -> str | None:
    end = response.find(END_TAG, start, start + MAX_ANSWER_CHARS + len(END_TAG))
    return response[start:end] if end >= 0 else None


def _until_brace_closes(response: str, start: int) -> str | None:
    depth = 1
    for brace in _BRACE.finditer(response, start, start + MAX_ANSWER_CHARS + 1):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return response[start : brace.start()]
    return None
