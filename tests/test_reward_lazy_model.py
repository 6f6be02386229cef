"""A lazy model earns nothing: it restates, boxes what it sees, thinks instead of answering, hedges, and spams calls.

Not tried are answers that are right by luck: a number of the question in a box alone, where that is the answer, is a
guess and no cheat. `lazy_questions` leaves such questions out.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

import pytest
from builders import ROOT
from lazy_model import answers, boxed, calls
from lazy_questions import (
    OWN_ROWS,
    Offer,
    Question,
    countdown_questions,
    gsm8k_questions,
    gsm8k_rows,
    math_questions,
    offers,
)

from verl_reflect.reward import compute_score

GSM8K = ROOT.parent / "shared" / "data" / "gsm8k" / "train.jsonl"
BFCL_ROWS = ROOT / "tests" / "helpers" / "bfcl_rows"
ALLOWED = 0.001
SHOWN = 20

Said = tuple[str, str, Question | Offer]
"""Trick, response, and what it was said to."""


def said(questions: Iterable[Question]) -> Iterator[Said]:
    return ((trick, response, question) for question in questions for trick, response in answers(question))


def paid(question: Question | Offer, response: str) -> bool:
    return compute_score(question.data_source, response, question.ground_truth)["score"] == 1.0


def check(all_said: Iterable[Said]) -> None:
    """Fewer than one answer in a thousand is paid, and no single trick pays much better."""
    tried: Counter[str] = Counter()
    wins: list[Said] = []
    for trick, response, question in all_said:
        tried[trick] += 1
        if paid(question, response):
            wins.append((trick, response, question))
    by_trick = Counter(trick for trick, _, _ in wins)
    shown = [f"{trick}: {response[-200:]!r} for {question.ground_truth!r:.200}" for trick, response, question in wins]
    report = "\n".join(["", *(f"{trick}: {by_trick[trick]} of {tried[trick]}" for trick in by_trick), *shown[:SHOWN]])
    assert tried.total() > 100
    assert len(wins) < ALLOWED * tried.total(), report
    assert not [trick for trick in by_trick if by_trick[trick] > 10 * ALLOWED * tried[trick]], report


def check_honest(questions: Iterable[Question]) -> None:
    """Otherwise nothing would be shown by refusing the rest."""
    unpaid = [question for question in questions if not paid(question, boxed(question.answer))]
    assert not unpaid


def test_it_earns_nothing_with_questions_like_gsm8ks() -> None:
    questions = list(gsm8k_questions(OWN_ROWS))
    assert len(questions) == len(OWN_ROWS)
    check_honest(questions)
    check(said(questions))


@pytest.mark.skipif(not GSM8K.is_file(), reason=f"there are no rows of GSM8K beside this checkout ({GSM8K})")
def test_it_earns_nothing_with_1000_questions_of_gsm8k() -> None:
    questions = list(islice(gsm8k_questions(gsm8k_rows(GSM8K)), 1000))
    assert len(questions) == 1000
    check_honest(questions)
    check(said(questions))


def test_it_earns_nothing_with_questions_like_maths() -> None:
    questions = list(math_questions(1, seed=0))
    check_honest(questions)
    check(said(questions))


def test_the_same_with_its_result_is_paid() -> None:
    r"""`\binom{10}{3} = 120` is no trick: it says the result. Not of an equation to be solved, nor of what math-verify
    does not read: remainders, percentages, other bases."""
    unread = re.compile(r"[=>%]|mod|_2\Z")
    stated = [question for question in math_questions(2, seed=1) if not unread.search(question.asked[0])]
    assert len(stated) > 30
    assert [each for each in stated if not paid(each, boxed(f"{each.asked[0]} = {each.answer}"))] == []


def test_it_earns_nothing_with_countdown() -> None:
    questions = list(countdown_questions(200, seed=0))
    check_honest(questions)
    check(said(questions))


def test_it_earns_nothing_by_calls_that_nobody_wants() -> None:
    offered = list(offers(BFCL_ROWS))
    assert all(paid(offer, "None of these functions can answer that.") for offer in offered)
    check((way, response, offer) for offer in offered for way, response in calls(offer))
