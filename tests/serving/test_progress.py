"""The bar of both commands."""

import pytest

from verl_reflect.evaluate.command import EvaluationTally
from verl_reflect.evaluate.record import FIRST_TRY, ConversationRecord
from verl_reflect.mine.command import MiningTally
from verl_reflect.mine.sampling import Sampled
from verl_reflect.serving.progress import shown


def test_the_bar_goes_on_from_what_is_done_and_leaves_stdout_free(capsys: pytest.CaptureFixture[str]) -> None:
    with shown("queries", 5, 3, MiningTally()) as bar:
        bar(Sampled(3, passed=1, failed=7))
    said = capsys.readouterr()
    assert said.out == "" and "queries" in said.err and "4/5" in said.err and "answers/s, 7 failures" in said.err


def test_a_query_is_a_step_and_its_answers_are_counted() -> None:
    tally = MiningTally(since=0.0)
    assert [tally.take(Sampled(n, passed=2, failed=1, unjudged=1)) for n in range(3)] == [1, 1, 1]
    assert (tally.answers, tally.failures) == (12, 3)


def test_first_attempts_alone_are_steps() -> None:
    tally = EvaluationTally()
    taken = [tally.take(ConversationRecord(0, 0, condition)) for condition in (FIRST_TRY, "reflect", "blind")]
    assert taken == [1, 0, 0] and str(tally) == "2 second tries"
