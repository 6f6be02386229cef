"""What makes a step's turns worthless is said: unusable turns once a step, copies once a run."""

import logging
from dataclasses import replace

import pytest

from verl_reflect.records.transcripts import Judgement, Transcript, Utterance
from verl_reflect.training.turn_faults import TurnFaults

FORGED, EMPTY = {"forged": True}, {"text": " "}


def session(number: int = 0, *, attempt: dict[str, object] | None = None, same: bool = False) -> Transcript:
    turn = Utterance("Some words.", 3, token_ids=(1, 2, 3))
    reflection = replace(turn, token_ids=(1, 2, 3) if same else (1, 2, number))
    said = replace(turn, **(attempt or {}))  # type: ignore[arg-type]
    return Transcript(
        index=0,
        data_source="countdown",
        task="A task",
        attempt=said,
        first_try=Judgement(0.0, False),
        reflection=reflection,
        key=f"g_{number}",
    )


@pytest.mark.parametrize("fault", [FORGED, EMPTY])
def test_many_unusable_turns_are_warned_of_at_every_step(
    fault: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    faults, groups = TurnFaults(), [[session(number, attempt=fault if number < 2 else None) for number in range(10)]]
    with caplog.at_level(logging.WARNING):
        assert [faults.look(groups) for _ in range(2)] == [{"reflect/unusable_turns": 0.1}] * 2
    assert ["10 % of this step's turns are empty" in record.getMessage() for record in caplog.records] == [True, True]


def test_a_few_are_not(caplog: pytest.LogCaptureFixture) -> None:
    groups = [[session(number, attempt=FORGED if number < 1 else None) for number in range(10)]]
    with caplog.at_level(logging.WARNING):
        assert TurnFaults().look(groups) == {"reflect/unusable_turns": 0.05}
    assert not caplog.records


def test_a_group_of_copies_is_warned_of_once_a_run(caplog: pytest.LogCaptureFixture) -> None:
    copies, different = [session(number, same=True) for number in range(4)], [session(number) for number in range(4)]
    faults = TurnFaults()
    with caplog.at_level(logging.WARNING):
        faults.look([different])
        assert not caplog.records
        for _ in range(3):
            faults.look([different, copies])
    [record] = caplog.records
    assert "the same tokens in 1 of 2 groups" in record.getMessage()


def test_a_lone_reflection_is_no_copy(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        TurnFaults().look([[session(same=True)]])
    assert not caplog.records
