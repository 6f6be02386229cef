r"""Reads which of several choices an answer names: `C`, `(C)`, `C) 42`, `Option C`, `Answer: (C)`."""

import re

_CHOICE = re.compile(
    r"(?:(?:the )?(?:answer|option|choice)(?: is)? ?:? ?)?(\(?)([A-Za-z])(?P<mark>\)|[.:](?= |$))?(?P<value> .*)?",
    re.IGNORECASE,
)
_ANOTHER = re.compile(r"\b(?:or|and|not)\b|\(?\b[A-Z]\b[).]|,\s?\(?[A-Z]\b")


def choice(text: str) -> str | None:
    """The letter of the choice; None if the plain text names none or several."""
    found = _CHOICE.fullmatch(text.strip())
    if found is None or (found[1] and found["mark"] != ")"):
        return None
    value = found["value"] or ""
    if (value and not found["mark"]) or _ANOTHER.search(value):
        return None
    return found[2]
