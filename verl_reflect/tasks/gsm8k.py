"""The GSM8K task: word problems whose answer is one number."""

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from verl_reflect.tasks.answer import MAX_ANSWER_CHARS, last_answer, last_opening
from verl_reflect.tasks.base import PASSED, Item, Task, Verdict, failed
from verl_reflect.tasks.maths.grader import GRADER, verdict
from verl_reflect.tasks.maths.stated_number import numbers_in
from verl_reflect.tasks.maths.written_number import read_number
from verl_reflect.tasks.wording import BOXED_ANSWER, REFLECT_ON_ANSWER

_HASHES = re.compile(r"####[ \t]*(?=[-+$\\*]*\.?[0-9])([^\n<]*)")

HASHES_SEARCHED = 20_000
"""Characters at the end of a response in which `####` counts, as after it there is little to say."""


class Gsm8k(Task):
    r"""Judges one number: in `\boxed{}`, in `<answer>`, or after `####`, whichever comes last.

    A number as people write it (see `written_number`) is compared exactly. Only what is not one, such as `6 \times 7`,
    goes to math-verify.

    - `format`: no complete answer;
    - `wrong_answer`: another number, several, or none;
    - `timeout`: math-verify could not tell within its limits (see `grader`).
    """

    data_sources = ("gsm8k", "openai/gsm8k")
    categories = ("format", "wrong_answer", "timeout", "none")
    reflection_prompt = REFLECT_ON_ANSWER
    prompt_template = BOXED_ANSWER

    def item(self, record: Any) -> Item:
        """Read a record of the public schema: `question`, and `answer` with the number after `####`."""
        if not isinstance(record, Mapping) or not {str} == {type(record.get(key)) for key in ("question", "answer")}:
            raise ValueError(f"a GSM8K record has the texts 'question' and 'answer', not {record!r}")
        _, hashes, number = record["answer"].rpartition("####")
        truth = number.strip().replace(",", "")
        if not hashes or read_number(truth) is None:
            raise ValueError(f"a GSM8K answer ends in '####' and a number, unlike {record['answer']!r}")
        return Item(
            messages=[{"role": "system", "content": BOXED_ANSWER}, {"role": "user", "content": record["question"]}],
            ground_truth=truth,
            gold=f"\\boxed{{{truth}}}",
            facts={"solution": record["answer"]},
        )

    def corruptions(self, item: Item) -> Iterator[str]:
        """No answer, an open one, another number, and the number beside another."""
        number = item.ground_truth
        yield ""
        yield f"The answer is {number}."
        yield f"<answer>{number}"
        yield rf"\boxed{{{number}0.5}}"
        yield rf"\boxed{{{_number(number) + 1}}}"
        yield rf"\boxed{{{number} \text{{ or }} {_number(number) + 1}}}"
        yield f"#### {_number(number) - 1}"

    def judge(self, response: str, ground_truth: object) -> Verdict:
        """Judge a response against the number as text."""
        truth = _number(ground_truth)
        answer = _answer(response)
        if answer is None or not answer.strip():
            return failed("format")
        number = read_number(answer)
        if number is not None:
            return PASSED if number == truth else failed("wrong_answer")
        return verdict(lambda: GRADER.same(str(truth), answer))

    def gives_away(self, reflection: str, ground_truth: object, question: str) -> bool:
        """Whether the number stands in the reflection by itself and not in the question, or is its answer."""
        truth = _number(ground_truth)
        stated = truth in numbers_in(reflection) and truth not in numbers_in(question)
        return stated or super().gives_away(reflection, ground_truth, question)


def _number(ground_truth: object) -> Fraction:
    number = read_number(ground_truth) if isinstance(ground_truth, str) else None
    if number is None:
        raise ValueError(f"a GSM8K ground truth is a number as text, not {ground_truth!r}")
    return number


def _answer(response: str) -> str | None:
    """What stands in the last box or tag, or after later hashes; the heading `#### Check` is no answer."""
    later = max(0, last_opening(response), len(response) - HASHES_SEARCHED)
    lines = _HASHES.findall(response, later)
    if not lines:
        return last_answer(response)
    return lines[-1] if len(lines[-1]) <= MAX_ANSWER_CHARS else None
