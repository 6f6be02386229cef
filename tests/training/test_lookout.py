"""What a lookout does about a death and about a weight sync that does not end. Ray is a list here; `test_deaths.py` and
the end-to-end test have the real one.
"""

import signal
import threading
import time
from collections.abc import Iterator

import pytest

from verl_reflect.training import lookout
from verl_reflect.training.deaths import Death
from verl_reflect.training.lookout import Lookout, RunDiedError
from verl_reflect.training.phase import WEIGHT_SYNC

DEATH = Death("WorkerDict_0:0", "its process was killed (node 10.0.0.1, process 4711)")


class Run:
    """Stands in for Ray and for verl's trainer."""

    def __init__(self) -> None:
        self.deaths: list[Death] = []
        self.phase: str | None = "the update"
        self.last_words: list[str] = []

    def dead(self, seconds: float = 0.0) -> list[Death]:
        return self.deaths


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    run = Run()
    monkeypatch.setattr(lookout, "Actors", lambda: run)
    monkeypatch.setattr(lookout, "phase", lambda thread: run.phase)
    monkeypatch.setattr(lookout, "leave_last_word", run.last_words.append)
    monkeypatch.setattr(lookout, "SECONDS_BETWEEN_LOOKS", 0.02)
    monkeypatch.setattr(lookout, "SECONDS_TO_END", 0.02)
    monkeypatch.setattr("os._exit", lambda code: run.last_words.append(f"exit {code}"))
    before = signal.signal(lookout.SIGNAL, signal.default_int_handler)
    yield run
    signal.signal(lookout.SIGNAL, before)


def test_a_death_is_said_once_with_who_why_where_and_what_to_do(run: Run) -> None:
    watching = Lookout(weight_sync_timeout=60)
    assert watching.look() is None
    watching.check()
    run.deaths = [DEATH]
    said = watching.look()
    assert said is not None and "\n" not in said
    for part in ("WorkerDict_0:0 died", "killed", "10.0.0.1", "4711", "the update", "trainer.resume_mode=auto"):
        assert part in said
    assert watching.look() == said and run.last_words == [said]
    with pytest.raises(RunDiedError, match="WorkerDict_0:0 died"):
        watching.check()


def test_a_weight_sync_may_take_its_time_and_no_more(run: Run) -> None:
    watching = Lookout(weight_sync_timeout=0.2)
    for run.phase in (WEIGHT_SYNC, "generation", WEIGHT_SYNC):  # each one begins anew
        assert watching.look() is None
        time.sleep(0.15)
    time.sleep(0.1)
    said = watching.look()
    assert said is not None and "reflect.weight_sync_timeout=0.2" in said


def test_another_phase_may_take_any_time(run: Run) -> None:
    watching = Lookout(weight_sync_timeout=0.01)
    for run.phase in ("the update", "generation", None):
        assert watching.look() is None
        time.sleep(0.03)
        assert watching.look() is None


def test_a_trainer_that_waits_is_interrupted(run: Run) -> None:
    watching = Lookout(weight_sync_timeout=60)
    run.deaths = [DEATH]
    with pytest.raises(KeyboardInterrupt):
        watching.start()
        threading.Event().wait(20)
    run.phase = None  # it has left
    watching.join(10)
    assert "exit 1" not in run.last_words


def test_a_trainer_that_cannot_be_interrupted_is_ended(run: Run) -> None:
    signal.signal(lookout.SIGNAL, signal.SIG_IGN)
    watching = Lookout(weight_sync_timeout=60)
    run.deaths = [DEATH]
    watching.start()
    watching.join(10)
    assert run.last_words[-1] == "exit 1"


def test_a_trainer_that_has_ended_is_left_alone(run: Run) -> None:
    run.deaths, run.phase = [DEATH], None
    watching = Lookout(weight_sync_timeout=60)
    watching.start()
    watching.join(10)
    time.sleep(0.1)
    assert "exit 1" not in run.last_words


def test_without_ray_there_is_nothing_to_look_after() -> None:
    assert lookout.start(60.0) is None
