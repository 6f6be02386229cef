import os
import signal

import pytest

from recipes.ending import ending_well
from verl_reflect.demo.training import TrainingError


@pytest.mark.parametrize("kind", [TrainingError, ValueError, OSError])
def test_what_cannot_be_done_is_a_sentence(kind: type[Exception]) -> None:
    with pytest.raises(SystemExit) as ended, ending_well():
        raise kind("There is no start.")
    assert ended.value.code == "There is no start."


def test_a_mistake_of_ours_keeps_its_traceback() -> None:
    with pytest.raises(KeyError), ending_well():
        raise KeyError("x")


def test_a_termination_unwinds_as_an_interrupt_does() -> None:
    cleaned, before = [], signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended, ending_well():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        finally:
            cleaned.append("up")
    assert ended.value.code == 143 and cleaned == ["up"]
    assert signal.getsignal(signal.SIGTERM) == before
