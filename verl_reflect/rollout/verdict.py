"""What a judging process says of one response, as bytes that can be read without running anybody's code."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_DETAIL_CHARS = 500
"""Of what a reward function says more; a transcript is no log."""

_BETWEEN = "\0"


@dataclass(frozen=True)
class Verdict:
    """A score, or why there is none."""

    score: float = 0.0
    category: str = ""
    detail: str = ""
    error: str = ""
    """As the end of a sentence: `raised KeyError: 'answer'`. Empty if there is a score."""
    restless: bool = False
    """Something still runs in the process: a thread or a child that was left behind."""
    seconds: float = 0.0
    """That it took, the way to the process not counted."""

    def encode(self, restless: bool, seconds: float) -> bytes:
        """This verdict, which was made of whatever the reward function returned."""
        texts = (
            part.replace(_BETWEEN, "\N{REPLACEMENT CHARACTER}") for part in (self.category, self.detail, self.error)
        )
        return _BETWEEN.join((repr(self.score), str(int(restless)), repr(seconds), *texts)).encode(
            "utf-8", "surrogatepass"
        )

    @classmethod
    def decode(cls, reply: bytes) -> "Verdict":
        """What `encode` made. Raises ValueError for anything else."""
        score, restless, seconds, category, detail, error = reply.decode("utf-8", "surrogatepass").split(_BETWEEN)
        return cls(float(score), category, detail, error, restless == "1", float(seconds))


def of_result(result: Any) -> Verdict:
    """The verdict that a reward function returned: a number, or a mapping with a `score`. Raises what that raises."""
    details = result if isinstance(result, Mapping) else {"score": result}
    if "score" not in details:
        return Verdict(error="returned a mapping without a score")
    value = details["score"]
    if value is None or isinstance(value, str | bytes):
        return Verdict(error=f"returned the score {str(value)[:40]!r}, which is no number")
    score = float(value)
    if not math.isfinite(score):
        return Verdict(error=f"returned the score {score}")
    category, detail = (_text(details.get(name, "")) for name in ("category", "detail"))
    return Verdict(score + 0.0, category, detail)


def of_error(error: BaseException) -> Verdict:
    """That there is none, because this was raised. Its words may be anybody's code, and raise in their turn."""
    try:
        name = _text(type(error).__name__)
    except BaseException:
        return Verdict(error="raised an error without a name")
    try:
        words = " ".join(_text(error).split())
    except BaseException:
        words = ""
    return Verdict(error=f"raised {name}: {words}" if words else f"raised {name}")


def too_late(timeout: float) -> Verdict:
    """That there is none after so many seconds."""
    return Verdict(error=f"took longer than reflect.verifier_timeout={timeout:g} s")


def _text(value: Any) -> str:
    """As plain text, not of a subclass with methods of its own."""
    return "".join(str(value)[:MAX_DETAIL_CHARS])
