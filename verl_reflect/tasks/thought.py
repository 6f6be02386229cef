r"""Tells what a response says from what it only thinks. In every task what counts is what stands after the thought.

A model that is paid for what it thinks need not decide: it names answers until one is right. So:

- Only what follows the last thought that closes is said, up to where another opens and never closes.
- A closing mark alone ends a thought too: some templates put the opening one at the end of the prompt.
- Of a thought that never closes nothing is said, only what stands before it, which is nothing as a rule.

Marks of different families need not match: whatever closes, closes. A mark that is only mentioned, as in code, is taken
for one that is meant.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

SEARCHED_CHARS = 200_000
"""Characters at the end of a response that are searched; 32,768 tokens are about 130,000."""

SEARCHED_STARTS = 2_000
"""Places, from the end, at which a mark is looked for. More than these begin in no response but one that is a flood."""

HEAD_CHARS = 100
"""Characters at the start of a longer response, where its thought may open."""

_NAME = r"(?:\w{1,12}[:_]){0,2}(?:think(?:ing)?|thoughts?|reason(?:ing)?|scratchpad|analysis)"
"""Also with a prefix, as in `seed:think` and `begin_of_thought`."""

_OPENINGS = (
    ("<", rf"\s?{_NAME}\s?>"),
    ("<", rf"\|(?!end_){_NAME}\|>"),  # OpenThinker: begin_of_thought; Command: START_THINKING
    ("<", r"\|channel>thought\b"),  # Gemma
    ("<", r"unused94>"),  # MedGemma
    ("[", rf"{_NAME}\]"),  # Magistral
    ("◁", r"think▷"),  # Kimi
)
_CLOSINGS = (
    ("<", rf"/\s?{_NAME}\s?>"),
    ("<", rf"(?:/\||\|/|\|(?=end_)){_NAME}\|>"),
    ("<", r"channel\|>"),
    ("<", r"unused95>"),
    ("[", rf"/{_NAME}\]"),
    ("◁", r"/think▷"),
)
"""Each mark in two parts: the letter it starts with, which is fast to look for and rare, and a pattern for the rest."""


def said(response: str) -> str:
    """What stands after the thought; `""` where the thought is all there is."""
    text = _with_head(response, len(response) - SEARCHED_CHARS)
    for begins, without_thought in _FAMILIES:
        if text.startswith(begins):
            text = without_thought(text)
    marks = [mark for mark in _MARKS if mark.start in text]
    for mark in marks:
        text = _with_head(text, mark.last_starts(text))
    start = max((mark.last_closing(text) for mark in marks), default=0)
    end = min((mark.first_opening(text, start) for mark in marks), default=len(text))
    return text[start:end]


def _with_head(text: str, place: int) -> str:
    """The text from `place` on, after its first characters."""
    return text if place <= HEAD_CHARS else text[:HEAD_CHARS] + text[place:]


class _Marks(NamedTuple):
    """All the marks that start with the same letter."""

    start: str
    opening: re.Pattern[str]
    closing: re.Pattern[str]

    @classmethod
    def that_start_with(cls, start: str) -> "_Marks":
        opening, closing = ("|".join(rest for first, rest in table if first == start) for table in _TABLES)
        fixed = re.escape(start)
        # A greedy `.*` finds the last match without a look at every other.
        closed = re.compile(f"(?s:.*){fixed}(?:{closing})", re.IGNORECASE)
        return cls(start, re.compile(f"{fixed}(?:{opening})", re.IGNORECASE), closed)

    def last_starts(self, text: str) -> int:
        """Where the last SEARCHED_STARTS of these marks may start."""
        return 0 if text.count(self.start) <= SEARCHED_STARTS else len(text.rsplit(self.start, SEARCHED_STARTS)[0])

    def last_closing(self, text: str) -> int:
        """Where the last closing mark ends; 0 where there is none."""
        found = self.closing.match(text)
        return found.end() if found else 0

    def first_opening(self, text: str, start: int) -> int:
        """Where the first opening mark from `start` on begins; the end of the text where there is none."""
        found = self.opening.search(text, start)
        return found.start() if found else len(text)


_TABLES = (_OPENINGS, _CLOSINGS)
_MARKS = [_Marks.that_start_with(start) for start in dict.fromkeys(start for start, _ in _OPENINGS)]

_CHANNEL, _MESSAGE = "<|channel|>", "<|message|>"
_MY_RESPONSE = re.compile("Here(?: is|'s) my response:")


def _in_channels(text: str) -> str:
    """Of gpt-oss: the final message, or what is not analysis where there is none."""
    _, final, message = text.rpartition(f"{_CHANNEL}final")
    if final:
        return message.partition(_MESSAGE)[2]
    return "".join(_CHANNEL + piece for piece in text.split(_CHANNEL)[1:] if not piece.startswith("analysis"))


def _in_bare_channels(text: str) -> str:
    """The same, decoded without special tokens: `analysisWe add.assistantfinalIt is 4.`"""
    if not text[len("analysis") :][:1].isalnum():
        return text
    _, final, message = text.rpartition("assistantfinal")
    return message if final else "".join(text.partition("commentary to=")[1:])


def _after_words(text: str) -> str:
    """Of Granite, which marks its thought with words."""
    closing = _MY_RESPONSE.search(text)
    return text[closing.end() :] if closing else ""


_FAMILIES: tuple[tuple[str | tuple[str, ...], Callable[[str], str]], ...] = (
    ((_CHANNEL, f"<|start|>assistant{_CHANNEL}"), _in_channels),
    ("analysis", _in_bare_channels),
    (("Here is my thought process:", "Here's my thought process:"), _after_words),
)
"""How a response of a family begins whose thought has no marks as above, and what takes the thought out."""
