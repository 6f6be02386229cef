"""Which reflection each failure is given under `swapped`: one on another task, written under `reflect`.

Dealt out when all are written, and by place alone: so it does not depend on which conversation ended first.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

from verl_reflect.records.transcripts import Utterance
from verl_reflect.statistics import Answer


def others_reflections(
    failures: Sequence[Answer],
    written: Mapping[Answer, Utterance],
    kind: Mapping[int, str],
    task: Mapping[int, str],
) -> Iterator[tuple[Answer, Utterance | None]]:
    """Each failure with the next reflection on another task of the same kind, in rounds; None if there is none.

    Args:
        written: What was said about failures, by item and sample.
        kind: The data source of each item.
        task: What each item asks. Two items may ask the same.
    """
    writers: dict[str, list[Answer]] = {}
    for answer in sorted(written, key=_place):
        writers.setdefault(kind[answer[0]], []).append(answer)
    for failure in failures:
        dealt = _after(failure, writers.get(kind[failure[0]], []))
        yield failure, next((written[other] for other in dealt if task[other[0]] != task[failure[0]]), None)


def _after(failure: Answer, writers: Sequence[Answer]) -> Iterator[Answer]:
    """All writers, beginning with the one whose place is next."""
    start = bisect_right(writers, _place(failure), key=_place)
    return (writers[(start + step) % len(writers)] for step in range(len(writers)))


def _place(answer: Answer) -> tuple[int, int]:
    item, sample = answer
    return sample, item
