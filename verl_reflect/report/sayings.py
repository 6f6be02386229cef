"""What reflections say most often, numbers aside, and how often the retry after them passes."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from verl_reflect.report.session import Session

SHOWN = 5
MAX_CHARS = 200
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Saying:
    """One wording: `#` stands for a number."""

    text: str
    share: float
    """Of all reflections, 0 to 1."""
    success: float
    """Of the retries after it, 0 to 1."""


def sayings(sessions: Iterable[Session]) -> list[Saying]:
    """The commonest wordings that were used more than once."""
    successes: dict[str, list[float]] = defaultdict(list)
    for session in sessions:
        if session.reflection and session.condition == "reflect":
            successes[_NUMBER.sub("#", session.reflection.text)].append(session.second_try)
    total = sum(map(len, successes.values()))
    repeated = [(text, passed) for text, passed in successes.items() if len(passed) > 1]
    found = [Saying(_short(text), len(passed) / total, fmean(passed)) for text, passed in repeated]
    return sorted(found, key=lambda saying: (-saying.share, saying.text))[:SHOWN]


def _short(text: str) -> str:
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]} …"
