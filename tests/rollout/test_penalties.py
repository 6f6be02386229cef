"""Penalties: what verl is paid, and that nothing else moves. In readable numbers."""

from dataclasses import fields, replace

import pytest

from verl_reflect.config import PENALISED, Penalties
from verl_reflect.records.transcripts import Episode, Judgement, Utterance
from verl_reflect.rollout.episode import Outcome
from verl_reflect.rollout.penalties import too_long

PASSED, FAILED = Judgement(1.0, True), Judgement(0.0, False)
EPISODE = Episode(
    0,
    "countdown",
    "Make 29",
    Utterance("no", 3),
    FAILED,
    Utterance("hm", 15),
    (Utterance("yes", 4),),
    (PASSED,),
    given_away=PASSED,
)
OUTCOME = Outcome(EPISODE, foreign_script=0.5, too_long=0.25)
ALL = Penalties(answer_in_reflection=0.5, reflection_forged=1.0, foreign_script=0.2, too_long=0.4)


def test_all_penalties_are_off_and_so_the_reward_is_success() -> None:
    assert not Penalties().used
    assert (OUTCOME.reward, OUTCOME.metrics()["penalty"]) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("penalties", "reward"),
    [
        (Penalties(answer_in_reflection=0.5), 0.5),
        (Penalties(foreign_script=0.2), 0.9),
        (Penalties(too_long=0.4), 0.9),
        (Penalties(reflection_forged=1.0), 1.0),
        (ALL, 0.3),
    ],
)
def test_a_penalty_is_its_weight_times_the_quantity(penalties: Penalties, reward: float) -> None:
    outcome = replace(OUTCOME, penalties=penalties)
    assert outcome.reward == pytest.approx(reward)
    metrics = outcome.metrics()
    assert (metrics["acc"], metrics["second_try"]) == (1.0, 1.0), "success is success"
    assert metrics["penalty"] == pytest.approx(1.0 - reward)


def test_a_forged_turn_costs_the_reflection_only_if_it_is_its_own() -> None:
    forged = Utterance("hm", 3, forged=True)
    for episode, penalty in (
        (replace(EPISODE, reflection=forged, retries=(), retry_verdicts=()), 1.0),
        (replace(EPISODE, attempt=forged), 0.0),
        (replace(EPISODE, retries=(forged,)), 0.0),
    ):
        metrics = Outcome(episode, penalties=Penalties(reflection_forged=1.0)).metrics()
        assert (metrics["forged"], metrics["reflection_forged"], metrics["penalty"]) == (1.0, penalty, penalty)


def test_validation_has_no_penalties_but_counts_the_same() -> None:
    outcome = replace(OUTCOME, episode=replace(EPISODE, validate=True), penalties=ALL)
    assert outcome.reward == 1.0
    assert (outcome.metrics()["answer_in_reflection"], outcome.metrics()["penalty"]) == (1.0, 0.0)


def test_every_penalty_has_its_quantity_among_the_metrics() -> None:
    assert set(PENALISED) <= OUTCOME.metrics().keys()
    assert len(PENALISED) == len(fields(Penalties)) == 4


@pytest.mark.parametrize(("tokens", "excess"), [(0, 0.0), (100, 0.0), (150, 0.5), (200, 1.0), (201, 1.0)])
def test_too_long_rises_from_the_expected_length_to_the_limit(tokens: int, excess: float) -> None:
    assert too_long(tokens, expected=100, limit=200) == excess


def test_without_a_look_at_reflections_there_is_no_such_metric() -> None:
    metrics = Outcome(replace(EPISODE, given_away=None)).metrics()
    assert set(Outcome(EPISODE).metrics()) - set(metrics) == {"answer_in_reflection"}
    assert metrics["verifier_error"] == 0.0
