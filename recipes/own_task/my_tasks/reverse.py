"""A task of one's own: say words in reverse order."""

from collections.abc import Iterator
from typing import Any

from verl_reflect.tasks.answer import last_answer
from verl_reflect.tasks.base import PASSED, Item, Task, Verdict, failed

PROMPT = "Write these words in reverse order, between <answer> and </answer>: {words}"


class Reverse(Task):
    """Judges the words of the last answer.

    - `format`: there is no complete answer;
    - `wrong_words`: the words are not the given ones;
    - `wrong_order`: they are, in another order than the reverse.
    """

    data_sources = ("reverse",)
    categories = ("format", "wrong_words", "wrong_order", "none")
    reflection_prompt = "The words were not in reverse order. Say briefly what went wrong and how to do better."
    prompt_template = PROMPT

    def item(self, record: Any) -> Item:
        """Make an item from a record like `{"words": "red green blue"}`."""
        words = record["words"].split()
        if words == words[::-1]:
            raise ValueError(f"{record['words']!r} reads the same in reverse")
        return Item(
            messages=[{"role": "user", "content": PROMPT.format(words=" ".join(words))}],
            ground_truth={"words": words},
            gold=f"<answer>{' '.join(reversed(words))}</answer>",
        )

    def judge(self, response: str, ground_truth: Any) -> Verdict:
        """Judge a response against `{"words": [str, ...]}`, the words as they were given."""
        answer = last_answer(response)
        if answer is None:
            return failed("format")
        if sorted(answer.split()) != sorted(ground_truth["words"]):
            return failed("wrong_words")
        return PASSED if answer.split() == list(ground_truth["words"])[::-1] else failed("wrong_order")

    def corruptions(self, item: Item) -> Iterator[str]:
        """Nothing, the words as they were given, a word too many and no tags."""
        words = item.ground_truth["words"]
        yield ""
        yield f"<answer>{' '.join(words)}</answer>"
        yield f"<answer>{' '.join(reversed(words))} {words[0]}</answer>"
        yield " ".join(reversed(words))
