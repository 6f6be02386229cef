"""What reflections say most often, numbers aside, and how often the retry after them passes."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import fmean

from verl_reflect.report.session import ShownSession

SHOWN = 5
MAX_CHARS = 200
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Saying:
    """One wording; in the report `#` stands for a number."""

    text: str
    times: int
    share: float
    """Of all reflections, 0 to 1."""
    success: float
    """Of the retries after it, 0 to 1."""


def sayings(sessions: Iterable[ShownSession]) -> list[Saying]:
    """The commonest wordings that were used more than once."""
    found = count(
        (_NUMBER.sub("#", session.reflection.text), session.second_try)
        for session in sessions
        if session.reflection and session.condition == "reflect"
    )
    return [replace(saying, text=_short(saying.text)) for saying in found if saying.times > 1][:SHOWN]


def count(said: Iterable[tuple[str, float]]) -> list[Saying]:
    """Pairs of a wording and whether its retry passed, by wording, the commonest first."""
    successes: dict[str, list[float]] = defaultdict(list)
    for text, passed in said:
        successes[text].append(passed)
    total = sum(map(len, successes.values()))
    found = [Saying(text, len(passed), len(passed) / total, fmean(passed)) for text, passed in successes.items()]
    return sorted(found, key=lambda saying: (-saying.times, saying.text))


def _short(text: str) -> str:
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]} …"
