"""The choice of the failures that are kept of a query."""

from collections import Counter

from verl_reflect.mine.sampling import JudgedAnswer, choose
from verl_reflect.records.transcripts import Judgement


def failures(*answers: int) -> list[JudgedAnswer]:
    return [JudgedAnswer(str(number), [answer], Judgement(0.0, False)) for number, answer in enumerate(answers)]


def test_each_failure_is_as_likely_to_be_kept() -> None:
    drawn = Counter(choose(failures(10, 11, 12, 13), 1, f"0 {query}")[0].token_ids[0] for query in range(2000))
    assert set(drawn) == {10, 11, 12, 13} and all(400 < count < 600 for count in drawn.values())


def test_a_frequent_failure_is_kept_more_often_but_never_twice() -> None:
    found = failures(7, 7, 7, 8)
    first = Counter(choose(found, 1, f"0 {query}")[0].token_ids[0] for query in range(2000))
    assert 1400 < first[7] < 1600
    assert all(sorted(each.token_ids[0] for each in choose(found, 3, str(seed))) == [7, 8] for seed in range(20))
