r"""Finds the answer of a solution in its boxes: the last one, or several that are joined, `\boxed{2} and \boxed{3}`.

Whoever joins two answers gives both: `\boxed{2} or \boxed{3}` is no right answer to what is 3.
"""

import re

from verl_reflect.tasks.answer import last_answer, last_opening

_BARE = re.compile(r"\\f?boxed\s+([^\s{}$]+?)(?=\.?(?:\s|\$|$))")
_EMPTY = re.compile(r"\\f?boxed\s?\{\s?\}")
_NAME = r"(?:[a-zA-Z](?:_\{?\w\}?)?\s*=\s*)?"
_JOINT = re.compile(
    r"\}[\s$]*(?:\\quad|\\ )?(?:,|,?\s*(?:\\(?:text|mbox)\s*\{)?\s*(?:and|or)\b\s*\}?)[\s$]*" + _NAME + r"\Z"
)
_MOST = 10

MAX_JOINT_CHARS = 40
"""Of what may stand between two boxes."""


def one_spelling(text: str) -> str:
    r"""The text with `\boxed 5` as `\boxed{5}`, and without boxes that are empty: nothing is said in them."""
    return _BARE.sub(r"\\boxed{\1}", _EMPTY.sub("", text)) if "boxed" in text else text


def boxed_answer(text: str) -> str | None:
    """What the last answer of a text in one spelling says, and those that are joined to it."""
    answer = last_answer(text)
    if answer is None:
        return None
    answers = [answer]
    end = last_opening(text)
    while len(answers) < _MOST and (before := _joined_before(text, end)) is not None:
        answer, end = before
        answers.append(answer)
    return ", ".join(reversed(answers))


def _joined_before(text: str, end: int) -> tuple[str, int] | None:
    """The answer in a box that is joined to one that opens at `end`, and where it opens."""
    between = text[max(0, end - MAX_JOINT_CHARS) : end]
    joint = _JOINT.search(between)
    if joint is None:
        return None
    head = text[: end - len(between) + joint.start() + 1]
    answer = last_answer(head)
    return (answer, last_opening(head)) if answer is not None and head.endswith(answer + "}") else None
