"""What a task is: a kind of problem with a verifier that says passed or failed, and in one word why it failed.

A new task is one class: how a record of its source becomes an item, and how a response is judged. docs/tasks.md shows
one from start to end.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

Message = Mapping[str, str]


@dataclass(frozen=True)
class Verdict:
    """What a verifier says of one response.

    `score` is 1.0 (passed) or 0.0 (failed) and nothing between: the method pays for a retry that passes (paper,
    section 3). `category` is the error class for the paper's error tables, `"none"` for a response that passes.
    `detail` says more to a person, such as which parameter was wrong; a task may leave it out.
    """

    score: float
    category: str
    detail: str = ""


PASSED = Verdict(1.0, "none")

MAX_DETAIL_CHARS = 100

SEARCHED_IN_REFLECTION = 10_000
"""Characters at the end of a reflection in which the tasks of this package look for the answer; 2,048 tokens have about
8,000. It bounds the time."""


def failed(category: str, detail: str = "") -> Verdict:
    """The verdict on a response with an error of this category.

    `detail` may quote the response: it is cut short, and what no file can hold (half a surrogate pair) is spelled out.
    """
    return Verdict(0.0, category, detail[:MAX_DETAIL_CHARS].encode("utf-8", "backslashreplace").decode())


@dataclass(frozen=True)
class Item:
    """One problem: what the model is asked, and what its response is judged against."""

    messages: Sequence[Message]
    """The chat that asks it; the last one is the user's, and the retry repeats it."""
    ground_truth: Any
    """What `Task.judge` needs to know. Parquet wants the same fields in every row: where they differ, JSON text."""
    gold: str = ""
    """A response that passes, `""` where none is known."""
    tools: Sequence[Mapping[str, Any]] = ()
    """Functions that the model may call, in the OpenAI schema, for the chat template's `tools`."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else a person may want to know of it. Data cards count items by `difficulty`, where there is one."""
    same_as: str = ""
    """Items with the same text here are one item in another guise, such as with its numbers in another order."""

    @property
    def content(self) -> str:
        """What makes two items the same item (splits share none): `same_as`, or else what the model is asked."""
        return self.same_as or json.dumps(
            [*map(dict, self.messages), *map(dict, self.tools)], sort_keys=True, ensure_ascii=False
        )


@dataclass(frozen=True)
class Fault:
    """A verdict that is wrong for certain: a gold response rejected, or a corrupted one accepted."""

    number: int
    """Of the item, from 1."""
    what: str
    response: str


class Task(ABC):
    """A kind of problem: the `data_source` values of its rows, its error categories, its wording, its verifier."""

    data_sources: ClassVar[tuple[str, ...]]
    categories: ClassVar[tuple[str, ...]]
    """Every category that `judge` can give, `"none"` last."""
    reflection_prompt: ClassVar[str]
    """What the model is told after a failure, unless `reflect.reflection_prompt` says otherwise."""

    prompt_template: str = ""
    """The wording around what an item asks, `""` for a task that asks in its records' own words. Data cards carry it
    and its hash."""

    @abstractmethod
    def item(self, record: Any) -> Item:
        """Make an item from a record of the task's source, such as a row of a public data set.

        Raises ValueError, naming the fault, for a malformed record.
        """

    @abstractmethod
    def judge(self, response: str, ground_truth: Any) -> Verdict:
        """Judge a model's response.

        Never raises for a response, whatever it holds, and answers within milliseconds. Raises ValueError for a
        malformed `ground_truth`: that is a fault of the data, and a zero score would blame the model for it.
        """

    def gives_away(self, reflection: str, ground_truth: Any, question: str) -> bool:
        """Whether a reflection states the answer itself, rather than what went wrong.

        Here: the verifier accepts the reflection as a response. A task whose answers can be read out of running text
        says so in its own way. What already stands in `question` is not given away by repeating it.

        Promises and errors as of `judge`.

        Args:
            reflection: The model's words.
            ground_truth: As for `judge`.
            question: The task's last user message.
        """
        return self.judge(reflection, ground_truth).score == 1.0

    @abstractmethod
    def corruptions(self, item: Item) -> Iterable[str]:
        """Responses close to the item's gold one that must fail."""

    def row(self, item: Item, split: str, index: int) -> dict[str, Any]:
        """The item in the schema that verl's `RLHFDataset` and reward managers read; `index` counts within the split.

        `tools` and `extra_info.facts` are JSON text, so that files of different tasks have the same columns and can be
        trained on together. (`ground_truth` is as the item has it: text, in all tasks of this package.)
        """
        return {
            "data_source": self.data_sources[0],
            "prompt": [dict(message) for message in item.messages],
            "ability": self.data_sources[0],
            "reward_model": {"style": "rule", "ground_truth": item.ground_truth},
            "tools": json.dumps([dict(tool) for tool in item.tools], ensure_ascii=False) if item.tools else None,
            "extra_info": {"split": split, "index": index, "gold": item.gold, "facts": json.dumps(dict(item.facts))},
        }

    def validate(self, items: Iterable[Item]) -> Iterator[Fault]:
        """Judge every item's gold response and its corruptions, and yield what was judged wrongly."""
        for number, item in enumerate(items, start=1):
            if item.gold and not self._passes(item.gold, item):
                yield Fault(number, "the gold response is rejected", item.gold)
            for response in self.corruptions(item):
                if self._passes(response, item):
                    yield Fault(number, "a corrupted response is accepted", response)

    def _passes(self, response: str, item: Item) -> bool:
        return self.judge(response, item.ground_truth).score == 1.0
