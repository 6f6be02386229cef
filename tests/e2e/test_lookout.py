"""A process of a run dies: verl's real trainer ends within a minute and says who it was, wherever it stands.

Without a lookout the first waits for ever: the trainer waits in a weight sync for its worker, and the worker for the
engine. Of the second, a worker in an update, Ray tells the trainer, in a traceback.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from verl_reflect.demo.data import CHECKPOINT, make_data
from verl_reflect.demo.training import ToyTraining

pytestmark = pytest.mark.e2e

MINUTES = 60.0
SMALL = (
    *("data.train_batch_size=4", "actor_rollout_ref.rollout.n=4", "reflect.first_attempt=live"),
    *("trainer.val_before_train=false", "trainer.test_freq=-1", "trainer.save_freq=1", "trainer.resume_mode=auto"),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    make_data(folder, CHECKPOINT, train=64, held_out=8, seed=0)
    return folder


class Running:
    """A training, and the processes that belong to it."""

    def __init__(self, training: ToyTraining):
        self.training = training
        command = [*training.command(), f"trainer.default_local_dir={training.folder / 'checkpoints'}"]
        environment = {**os.environ, "VERL_FILE_LOGGER_PATH": str(training.metrics)}
        with open(training.log, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        self.seen: set[psutil.Process] = set()

    def family(self) -> set[psutil.Process]:
        self.seen |= set(psutil.Process(self.process.pid).children(recursive=True))
        return self.seen

    def named(self, title: str) -> psutil.Process:
        (found,) = (each for each in self.family() if each.is_running() and title in " ".join(each.cmdline()))
        return found

    def wait_until(self, there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20 * MINUTES
        while not there():
            assert self.process.poll() is None and time.monotonic() < deadline, self.said()[-5000:]
            time.sleep(0.05)

    def said(self) -> str:
        return self.training.log.read_text(errors="replace")

    def end(self) -> None:
        for process in {each for each in self.seen if each.is_running()}:
            process.kill()
        self.process.kill()
        self.process.wait()


def killed_in_the_weight_sync(run: Running) -> None:
    """The engine is stopped while the trainer updates, so that the sync that follows waits for it."""
    run.wait_until((run.training.folder / "rollout" / "transcripts" / "1.jsonl").exists)
    engine = run.named("EngineCore")
    engine.send_signal(signal.SIGSTOP)
    run.wait_until((run.training.folder / "checkpoints" / "global_step_1" / "data.pt").exists)
    time.sleep(5)
    engine.kill()


def killed_in_the_update(run: Running) -> None:
    run.wait_until((run.training.folder / "rollout" / "transcripts" / "1.jsonl").exists)
    run.named("WorkerDict").kill()


@pytest.mark.parametrize(
    ("kill", "victim"),
    [(killed_in_the_weight_sync, "the engine of vllm_server_0_0"), (killed_in_the_update, "WorkerDict_0:0")],
)
def test_a_death_ends_the_run_in_a_sentence(
    tmp_path: Path, data: Path, kill: Callable[[Running], None], victim: str
) -> None:
    run = Running(ToyTraining(tmp_path, data, CHECKPOINT, seed=1, steps=3, validate_every=3, overrides=SMALL))
    try:
        kill(run)
        family = run.family()
        assert run.process.wait(timeout=MINUTES) != 0
        (sentence,) = [line for line in run.said().splitlines() if line.startswith("verl-reflect: ")]
        assert f"{victim} died: its process was killed" in sentence
        psutil.wait_procs(family, timeout=10)
        assert not [each for each in family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
    finally:
        run.end()
