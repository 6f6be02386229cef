"""The GSM8K task: word problems whose answer is one number."""

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from verl_reflect.tasks.answer import MAX_ANSWER_CHARS, last_opening
from verl_reflect.tasks.base import Item, Task, Verdict, failed
from verl_reflect.tasks.maths.boxes import boxed_answer, one_spelling
from verl_reflect.tasks.maths.grader import GRADER, verdict
from verl_reflect.tasks.maths.same_answer import comes_to
from verl_reflect.tasks.maths.stated_number import numbers_in
from verl_reflect.tasks.maths.stated_result import stated_number
from verl_reflect.tasks.maths.written_number import read_number
from verl_reflect.tasks.notation import plain
from verl_reflect.tasks.thought import said
from verl_reflect.tasks.wording import BOXED_ANSWER, REFLECT_ON_ANSWER

_HASHES = re.compile(r"^[ \t>*]{0,9}#{4,6}:?([^\n<]*)", re.MULTILINE)
_MOST_HEADINGS = 100
_WORD = re.compile(r"[^\W\d_]{2}")

HASHES_SEARCHED = 20_000
"""Characters at the end of a response in which `####` counts, as after it there is little to say."""


class Gsm8k(Task):
    r"""Judges one number: in the last `\boxed{}` or `<answer>`, or, where there is neither, after `####`.

    A number as people write it (see `written_number`) is compared exactly, or one that is stated as a result
    (`16 \times 2 = 32`). What is still to be worked out, such as `6 \times 7`, restates the question and is none.

    - `format`: no complete answer;
    - `wrong_answer`: another number, several, or none;
    - `timeout`: whether an equation holds could not be told within the limits (see `grader`).
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
        if not hashes or read_number(truth, lowest=False) is None:
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
        answer = _answer(one_spelling(said(response)))
        if answer is None or not answer.strip():
            return failed("format")
        return verdict(lambda: _read(answer) == truth)

    def gives_away(self, reflection: str, ground_truth: object, question: str) -> bool:
        """Whether the number stands in the reflection by itself and not in the question, or is its answer."""
        truth = _number(ground_truth)
        stated = truth in numbers_in(reflection) and truth not in numbers_in(question)
        return stated or super().gives_away(reflection, ground_truth, question) or _comes_to(truth, reflection)


def _number(ground_truth: object) -> Fraction:
    number = read_number(ground_truth, lowest=False) if isinstance(ground_truth, str) else None
    if number is None:
        raise ValueError(f"a GSM8K ground truth is a number as text, not {ground_truth!r}")
    return number


def _read(answer: str) -> Fraction | None:
    number = read_number(answer)
    if number is None and "=" in answer:
        return stated_number(plain(answer), GRADER.same)
    return number


def _comes_to(truth: Fraction, reflection: str) -> bool:
    """Whether the boxed answer has only to be worked out: no answer, but it gives one away."""
    answer = _answer(one_spelling(said(reflection)))
    return answer is not None and verdict(lambda: comes_to(str(truth), answer, GRADER.same)).score == 1.0


def _answer(text: str) -> str | None:
    """What stands in the last box or tag, whatever follows it; after hashes where there is none."""
    return boxed_answer(text) if last_opening(text) >= 0 else _after_hashes(text[-HASHES_SEARCHED:])


def _after_hashes(text: str) -> str | None:
    """The last line that has nothing but hashes and an answer.

    Headings open with hashes too, and start with numbers: `#### 2. Add the pears`, `#### 24 hours later`. So a number
    with words is an answer only where nothing follows it.
    """
    lines = list(_HASHES.finditer(text))
    for line in reversed(lines[-_MOST_HEADINGS:]):
        answer = line[1].strip()
        closes = not text[line.end() :].strip() or text[line.end()] == "<"
        if len(answer) <= MAX_ANSWER_CHARS and (closes or not _WORD.search(answer)) and _read(answer) is not None:
            return answer
    return None
