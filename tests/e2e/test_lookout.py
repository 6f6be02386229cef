"""A process of a run dies: verl's real trainer ends within a minute and says who it was, wherever it stands.

Without a lookout the first waits for ever: the trainer waits in a weight sync for its worker, and the worker for the
engine. Of the second, a worker in the writing of a checkpoint, Ray tells the trainer, in a traceback. The second start
is also what comes after the first death: it goes on from the last checkpoint. `SCENES` has more, to be played by hand.
"""

from pathlib import Path

import psutil
import pytest
from dying_run import MINUTES, SCENES, Running, Scene

from verl_reflect.demo.data import CHECKPOINT, make_data
from verl_reflect.records.run import read_starts

pytestmark = pytest.mark.e2e


def died(run: Running, scene: Scene) -> str:
    """The last line of a run in which the scene was played."""
    try:
        scene.play(run)
        family = run.family()
        assert run.process.wait(timeout=MINUTES) != 0
        (sentence,) = run.last_words()
        psutil.wait_procs(family, timeout=10)
        assert not [each for each in family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
        return sentence
    finally:
        run.end()


def test_a_death_ends_the_run_in_a_sentence_and_the_next_start_goes_on(tmp_path: Path) -> None:
    make_data(tmp_path / "data", CHECKPOINT, train=64, held_out=8, seed=0)
    for scene in (SCENES["engine in a sync"], SCENES["worker in a save"]):
        run = Running(tmp_path / "run", tmp_path / "data", *scene.overrides)
        assert scene.said in died(run, scene)
    starts = read_starts(tmp_path / "run" / "metrics.run.jsonl")
    assert [start.after_step for start in starts] == [-1, 1]
    assert len({start.run for start in starts}) == 1
