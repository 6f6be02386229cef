"""What a task is: a kind of problem with a verifier that says passed or failed, and in one word why it failed."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Verdict:
    """What a verifier says of one response.

    `score` is 1.0 (passed) or 0.0 (failed) and nothing between: the method pays for a retry that passes (paper,
    section 3). `category` is the error class for the paper's error tables, `"none"` for a response that passes.
    """

    score: float
    category: str


PASSED = Verdict(1.0, "none")


def failed(category: str) -> Verdict:
    """The verdict on a response with an error of this category."""
    return Verdict(0.0, category)


class Task(ABC):
    """A kind of problem: the `data_source` values of its rows, its error categories, its verifier."""

    data_sources: ClassVar[tuple[str, ...]]
    categories: ClassVar[tuple[str, ...]]
    """Every category that `judge` can give, `"none"` last."""

    @abstractmethod
    def judge(self, response: str, ground_truth: object) -> Verdict:
        """Judge a model's response.

        Never raises for a response, whatever it holds. Raises ValueError for a malformed `ground_truth`: that is a
        fault of the data, and a zero score would blame the model for it.
        """
