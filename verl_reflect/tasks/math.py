r"""The MATH task (and MATH-500): competition problems whose answer is an expression in LaTeX."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from verl_reflect.tasks.answer import MAX_ANSWER_CHARS, last_answer
from verl_reflect.tasks.base import SEARCHED_IN_REFLECTION, Item, Task, Verdict, failed
from verl_reflect.tasks.maths.grader import GRADER, verdict
from verl_reflect.tasks.maths.latex import readable, said, spelled_alike, words
from verl_reflect.tasks.maths.stated_number import numbers_in
from verl_reflect.tasks.maths.written_number import read_number
from verl_reflect.tasks.wording import BOXED_ANSWER, REFLECT_ON_ANSWER

_BARE_BOX = re.compile(r"\\f?boxed\s+([^\s{}$]+?)(?=\.?(?:\s|\$|$))")
_OTHER_BOX = re.compile(r"\\(?:fbox|boxed)\s*\{")
_BASE = re.compile(r"[0-9]_\{?([0-9]+)\}?$")
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
        answer = last_answer(response)
        if answer is None or not answer.strip():
            return failed("format")
        return verdict(lambda: _same(gold, answer))

    def gives_away(self, reflection: str, ground_truth: object, question: str) -> bool:
        """Whether the answer stands in the reflection and not in the question, or is its answer.

        A number is compared by value, an expression by its spelling. A single word or variable, such as `A` or `x`,
        says nothing outside of a box.
        """
        gold = _check(ground_truth)
        stated = _states(reflection, gold) and not _states(question, gold)
        return stated or super().gives_away(reflection, ground_truth, question)


def boxed(solution: str) -> str | None:
    r"""What a solution has in its last box, also in one of the data set's older spellings: `\boxed 5`, `\fbox{5}`."""
    return last_answer(_OTHER_BOX.sub(r"\\boxed{", _BARE_BOX.sub(r"\\boxed{\1}", solution)))


def _check(ground_truth: object) -> str:
    if not isinstance(ground_truth, str) or not 0 < len(ground_truth.strip()) <= MAX_ANSWER_CHARS:
        limit = f"a MATH ground truth is LaTeX of up to {MAX_ANSWER_CHARS} characters"
        raise ValueError(f"{limit}, not {ground_truth!r}")
    return ground_truth


def _same(gold: str, answer: str) -> bool:
    """By spelling where that decides, since words and ratios mean nothing to math-verify; by math-verify otherwise."""
    gold_text, text = spelled_alike(gold), spelled_alike(answer)
    if gold_text == text:
        return True
    if (word := words(gold)) is not None:
        return said(answer) == word
    if ":" in gold_text or _other_base(gold_text, text):
        return False
    return GRADER.same(readable(gold), readable(answer))


def _states(text: str, gold: str) -> bool:
    number = read_number(gold)
    if number is not None:
        return number in numbers_in(text)
    spelling = spelled_alike(gold)
    if len(spelling) < MIN_SPELLING or spelling.isalnum():
        return False
    whole = re.compile(rf"(?<![0-9.^_+*/\\-]){re.escape(spelling)}(?!\.?[0-9]|[\^_+*/-])")
    return whole.search(spelled_alike(text[-SEARCHED_IN_REFLECTION:])) is not None


def _other_base(gold: str, answer: str) -> bool:
    """Both name the base that they are written in, and it is not the same."""
    bases = _BASE.search(gold), _BASE.search(answer)
    return all(bases) and len({base[1] for base in bases if base}) == 2
