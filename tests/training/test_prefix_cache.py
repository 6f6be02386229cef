"""Known tokens that the server found in its cache, counted by hand."""

from dataclasses import replace

import pytest

from verl_reflect.records.transcripts import Judgement, Transcript, Utterance
from verl_reflect.training.prefix_cache import (
    Recall,
    prefix_cache_metrics,
    reflections_recalled,
    retries_recalled,
    share_cached,
)

MISSED = Judgement(0.0, False)
ATTEMPT = Utterance("no", 10, prompt_tokens=30, cached_tokens=0)
REFLECTION = Utterance("hm", 5, prompt_tokens=60, cached_tokens=32)
RETRY = Utterance("yes", 8, prompt_tokens=100, cached_tokens=48)
SESSION = Transcript(0, "countdown", "task", ATTEMPT, MISSED, REFLECTION, (RETRY, RETRY), (MISSED, MISSED), key="a_0_0")


def test_a_turn_is_told_what_the_server_read_and_wrote_before_it_but_its_last_token() -> None:
    assert list(reflections_recalled([SESSION])) == [Recall(30 + 10 - 1, 32)]
    assert list(retries_recalled([SESSION])) == [Recall(60 + 5 - 1, 48)] * 2


def test_a_blind_retry_goes_on_from_the_attempt() -> None:
    assert list(retries_recalled([replace(SESSION, reflection=None, retries=(RETRY,))])) == [Recall(39, 48)]


@pytest.mark.parametrize(
    "attempt",
    [replace(ATTEMPT, cached_tokens=None), replace(ATTEMPT, prompt_tokens=None), replace(ATTEMPT, forged=True)],
    ids=["stored", "of an older transcript", "cut"],
)
def test_nothing_is_known_after_an_attempt_that_the_server_did_not_write_as_it_stands(attempt: Utterance) -> None:
    assert not list(reflections_recalled([replace(SESSION, attempt=attempt)]))


def test_only_whole_blocks_can_be_cached_and_what_others_read_does_not_count() -> None:
    turns = [Recall(39, 32), Recall(39, 64)]
    assert share_cached(turns, block=16) == 1.0
    assert share_cached(turns) == (32 + 39) / 78
    assert share_cached([Recall(39, 0)], block=16) == 0.0
    assert share_cached([Recall(39, 0)], block=64) is None and share_cached([]) is None


def test_a_step_has_a_share_for_each_turn_that_the_server_speaks_of() -> None:
    assert prefix_cache_metrics([SESSION, SESSION]) == {"reflection_cached": 32 / 39, "retry_cached": 48 / 64}
    stored = replace(SESSION, attempt=replace(ATTEMPT, cached_tokens=None))
    assert prefix_cache_metrics([stored]) == {"retry_cached": 48 / 64}
    silent = replace(stored, reflection=replace(REFLECTION, cached_tokens=None))
    assert prefix_cache_metrics([silent]) == {}
