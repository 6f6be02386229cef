r"""The MATH task (and MATH-500): competition problems whose answer is an expression in LaTeX."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from verl_reflect.tasks.answer import MAX_ANSWER_CHARS
from verl_reflect.tasks.base import Item, Task, Verdict, failed
from verl_reflect.tasks.maths.boxes import boxed_answer, one_spelling
from verl_reflect.tasks.maths.grader import GRADER, verdict
from verl_reflect.tasks.maths.latex import spelled_alike, without_unit, words
from verl_reflect.tasks.maths.same_answer import comes_to, same_answer
from verl_reflect.tasks.maths.stated_number import numbers_in, searched
from verl_reflect.tasks.maths.written_number import number_of
from verl_reflect.tasks.notation import plain
from verl_reflect.tasks.thought import said
from verl_reflect.tasks.wording import BOXED_ANSWER, REFLECT_ON_ANSWER

MIN_SPELLING = 3
"""Characters of an expression that is looked for in running text."""
_INFO = ("level", "subject", "type", "unique_id")


class Math(Task):
    r"""Judges an expression: in `\boxed{}` or in `<answer>`, whichever opens last.

    - `format`: no complete answer;
    - `wrong_answer`: it does not mean the same as the gold one;
    - `timeout`: that could not be told within the limits of `grader`, which is the response's failure.
    """

    data_sources = (
        "math",
        "DigitalLearningGmbH/MATH-lighteval",
        "lighteval/MATH",
        "HuggingFaceH4/MATH-500",
    )
    categories = ("format", "wrong_answer", "timeout", "none")
    reflection_prompt = REFLECT_ON_ANSWER
    prompt_template = BOXED_ANSWER

    def item(self, record: Any) -> Item:
        r"""Read a public record: `problem`, and `answer` (MATH-500) or a `solution` with its answer in a box."""
        if not isinstance(record, Mapping) or not isinstance(record.get("problem"), str):
            raise ValueError(f"a MATH record has the text 'problem', not {record!r}")
        truth = record.get("answer") or boxed(str(record.get("solution")))
        _check(truth)
        return Item(
            messages=[{"role": "system", "content": BOXED_ANSWER}, {"role": "user", "content": record["problem"]}],
            ground_truth=truth,
            gold=f"\\boxed{{{truth}}}",
            facts={key: record[key] for key in _INFO if key in record},
        )

    def corruptions(self, item: Item) -> Iterator[str]:
        """No answer, an open one, another one, and the gold one beside another."""
        gold = item.ground_truth
        yield ""
        yield f"The answer is {gold}."
        yield rf"\boxed{{{gold}"
        yield r"\boxed{7919}" if "7919" not in gold else r"\boxed{7907}"
        yield rf"\boxed{{{gold} \text{{ or }} 7919}}"

    def judge(self, response: str, ground_truth: object) -> Verdict:
        """Judge a response against the gold answer's LaTeX."""
        gold = _check(ground_truth)
        answer = boxed(said(response))
        if answer is None or not answer.strip():
            return failed("format")
        return verdict(lambda: same_answer(gold, answer, GRADER.same))

    def gives_away(self, reflection: str, ground_truth: object, question: str) -> bool:
        """Whether the answer stands in the reflection and not in the question, or is its answer.

        A number is compared by value, an expression by its spelling. A single word or variable, such as `A` or `x`,
        says nothing outside of a box.
        """
        gold = _check(ground_truth)
        stated = _states(reflection, gold) and not _states(question, gold)
        return stated or super().gives_away(reflection, ground_truth, question) or _comes_to(gold, reflection)


def boxed(solution: str) -> str | None:
    r"""What a solution has in its last box, or in boxes that it joins; `\boxed 5` and `\fbox{5}` are boxes too."""
    return boxed_answer(one_spelling(solution))


def _check(ground_truth: object) -> str:
    if not isinstance(ground_truth, str) or not 0 < len(ground_truth.strip()) <= MAX_ANSWER_CHARS:
        limit = f"a MATH ground truth is LaTeX of up to {MAX_ANSWER_CHARS} characters"
        raise ValueError(f"{limit}, not {ground_truth!r}")
    return ground_truth


def _comes_to(gold: str, reflection: str) -> bool:
    """Whether the boxed answer has only to be worked out: no answer, but it gives one away."""
    answer = boxed(said(reflection))
    if answer is None or words(gold) is not None:
        return False
    return verdict(lambda: comes_to(gold, answer, GRADER.same)).score == 1.0


def _states(text: str, gold: str) -> bool:
    number = number_of(plain(without_unit(gold)), False, True)
    if number is not None:
        return number in numbers_in(text)
    spelling = spelled_alike(gold)
    if len(spelling) < MIN_SPELLING or spelling.isalnum():
        return False
    whole = re.compile(rf"(?<![0-9.^_+*/\\-]){re.escape(spelling)}(?!\.?[0-9]|[\^_+*/-])")
    return whole.search(spelled_alike(searched(text))) is not None
