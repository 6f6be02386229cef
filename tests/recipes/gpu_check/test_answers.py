"""Each question against records that are as they should be, and against the same with one fault."""

from dataclasses import replace

import pytest

from recipes.gpu_check import answers
from recipes.gpu_check.answers import Answer
from verl_reflect.records.metrics_log import StepMetrics
from verl_reflect.records.transcripts import Judgement, Transcript, Utterance
from verl_reflect.training.prefix_cache import Recall

MISSED, PASSED = Judgement(0.0, False), Judgement(1.0, True)
ATTEMPT = Utterance("no", 2, token_ids=(1, 2))


def step(number: int, **changes: float | None) -> StepMetrics:
    """One as it should be, with changes; None removes a metric."""
    values: dict[str, float | None] = {
        "training/global_step": number,
        answers.PROBABILITY: 0.001,
        "actor/grad_norm": 0.5,
        "actor/kl_loss": 0.01 * number,
        "reflect/replaced_failed": 0.0,
        "reflect/unusable_turns": 0.01,
        "timing_s/step": 30.0,
        answers.DEVICE: 12.0,
        answers.HOST: 40.0,
        **changes,
    }
    return StepMetrics(number, {name: value for name, value in values.items() if value is not None})


def session(group: str, number: int) -> Transcript:
    return Transcript(0, "countdown", "task", ATTEMPT, MISSED, key=f"{group}_{number}_0")


STEPS = [step(1), step(2), step(3)]
VALIDATED = StepMetrics(3, {"val-core/acc": 0.5})
GROUPS = [session(group, number) for group in ("a", "b") for number in (0, 1)]
SESSIONS = {1: GROUPS, 2: GROUPS}
RECALLS = [Recall(40, 32), Recall(70, 64), Recall(50, 48)]


def with_step(number: int, **changes: float | None) -> list[StepMetrics]:
    return [step(number, **changes) if each.step == number else each for each in STEPS]


def with_session(changed: Transcript) -> dict[int, list[Transcript]]:
    return {1: GROUPS, 2: [*GROUPS[:-1], changed]}


GOOD: dict[str, Answer] = {
    "steps": answers.steps_are_whole("x", STEPS, 3),
    "steps around a kill": answers.steps_are_whole("x", [*STEPS[:2], step(2), step(3), VALIDATED], 3),
    "probabilities": answers.probabilities_agree("x", [*STEPS, VALIDATED]),
    "gradient": answers.weights_move("x", with_step(2, **{"actor/grad_norm": 0.0})),
    "adapter": answers.adapter_moves("x", STEPS),
    "resume": answers.went_on("x", STEPS[:2], [StepMetrics(2, {"val-core/acc": 0.5}), step(3)]),
    "resume of the step that was being saved": answers.went_on("x", STEPS[:2], [step(2), step(3)]),
    "groups": answers.groups_are_full("x", SESSIONS, 2, 2),
    "attempts": answers.attempts_are_shared("x", SESSIONS),
    "deaths": answers.nothing_died("x", STEPS),
    "text": answers.text_stays_text("x", STEPS),
    "prefix": answers.prefixes_are_cached("x", RECALLS, 16),
    "validation": answers.validated("x", GROUPS, 4),
    "time": answers.time_against(0.010, 0.0105, judged=True),
}
FAULTS: dict[str, Answer] = {
    "a step is missing": answers.steps_are_whole("x", [STEPS[0], STEPS[2]], 3),
    "the last step is missing": answers.steps_are_whole("x", STEPS[:2], 3),
    "no step at all": answers.steps_are_whole("x", [], 3),
    "noise from the second sync on": answers.probabilities_agree("x", with_step(3, **{answers.PROBABILITY: 0.1})),
    "a step without probabilities": answers.probabilities_agree("x", with_step(2, **{answers.PROBABILITY: None})),
    "no probabilities": answers.probabilities_agree("x", []),
    "no gradient": answers.weights_move("x", [step(each, **{"actor/grad_norm": 0.0}) for each in (1, 2)]),
    "a gradient that is no number": answers.weights_move("x", with_step(2, **{"actor/grad_norm": None})),
    "an adapter that stays": answers.adapter_moves("x", [step(each, **{"actor/kl_loss": 0.0}) for each in (1, 2)]),
    "a single step": answers.adapter_moves("x", STEPS[:1]),
    "begun anew": answers.went_on("x", STEPS[:2], [step(1)]),
    "a step left out": answers.went_on("x", STEPS[:1], [step(3)]),
    "not gone on": answers.went_on("x", STEPS[:2], []),
    "a session is missing": answers.groups_are_full("x", {1: GROUPS, 2: GROUPS[:-1]}, 2, 2),
    "a group is missing": answers.groups_are_full("x", {1: GROUPS, 2: GROUPS[:2]}, 2, 2),
    "a group too many": answers.groups_are_full("x", {1: [*GROUPS, session("c", 0)]}, 2, 2),
    "a step without sessions": answers.groups_are_full("x", {1: GROUPS, 2: []}, 2, 2),
    "no sessions": answers.groups_are_full("x", {}, 2, 2),
    "another attempt": answers.attempts_are_shared(
        "x", with_session(replace(session("b", 1), attempt=replace(ATTEMPT, token_ids=(1, 3))))
    ),
    "a first try that passed": answers.attempts_are_shared(
        "x", with_session(replace(session("b", 1), first_try=PASSED))
    ),
    "no groups": answers.attempts_are_shared("x", {1: []}),
    "a death": answers.nothing_died("x", with_step(2, **{"reflect/replaced_failed": 1.0})),
    "deaths not logged": answers.nothing_died("x", [VALIDATED]),
    "forged turns": answers.text_stays_text("x", with_step(3, **{"reflect/unusable_turns": 0.2})),
    "turns not looked at": answers.text_stays_text("x", [VALIDATED]),
    "a cache that is off": answers.prefixes_are_cached("x", [Recall(40, 0), Recall(70, 0)], 16),
    "a session on another server": answers.prefixes_are_cached("x", [*RECALLS, Recall(70, 0)], 16),
    "a row not validated": answers.validated("x", GROUPS[:3], 4),
    "nothing validated": answers.validated("x", [], 0),
    "slower than verl's own": answers.time_against(0.010, 0.012, judged=True),
    "not timed": answers.time_against(None, 0.010, judged=False),
}
NOTED: dict[str, Answer] = {
    "time on a CPU": answers.time_against(0.010, 0.050, judged=False),
    "memory": answers.peak_memory("x", STEPS),
    "conversations shorter than a block": answers.prefixes_are_cached("x", [Recall(40, 0)], 128),
    "a server that does not say": answers.prefixes_are_cached("x", [], 16),
}


@pytest.mark.parametrize("answer", GOOD.values(), ids=GOOD)
def test_what_is_as_it_should_be_is_well(answer: Answer) -> None:
    assert answer.holds is True and str(answer).startswith("well ")


@pytest.mark.parametrize("answer", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_found(answer: Answer) -> None:
    assert answer.holds is False and str(answer).startswith("NO ")


@pytest.mark.parametrize("answer", NOTED.values(), ids=NOTED)
def test_what_has_nothing_to_be_held_against_is_noted(answer: Answer) -> None:
    assert answer.holds is None and str(answer).startswith("noted")


@pytest.mark.parametrize(
    ("answer", "figure"),
    [
        (GOOD["probabilities"], "0.001, 0.001, 0.001"),
        (GOOD["prefix"], "1.000, in blocks of 16"),
        (FAULTS["a cache that is off"], "0.000, in blocks of 16"),
        (FAULTS["slower than verl's own"], "1.20"),
        (FAULTS["a group is missing"], "2, 1"),
        (GOOD["resume"], "2; 3"),
        (NOTED["memory"], "12.0 GB of a device, 40.0 GB of the host"),
        (FAULTS["no probabilities"], "not logged"),
    ],
)
def test_a_figure_says_what_was_found(answer: Answer, figure: str) -> None:
    assert answer.figure == figure


def test_the_first_step_is_not_timed() -> None:
    timed = [step(each, **{"timing_s/step": seconds}) for each, seconds in ((1, 900.0), (2, 30.0), (3, 50.0))]
    assert answers.seconds_a_token(timed, lambda values: 100.0) == 0.4
    assert answers.seconds_a_token(timed[:1], lambda values: 100.0) is None
