"""A training of the tiny model with verl's real trainer, and ways for a process of it to die.

Every start goes on from the last checkpoint, so one folder serves for any number of deaths, each of which is also a
resume after the one before.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from verl_reflect.demo.data import CHECKPOINT
from verl_reflect.demo.training import ToyTraining

MINUTES = 60.0
SMALL = (
    *("data.train_batch_size=4", "actor_rollout_ref.rollout.n=4", "reflect.first_attempt=live"),
    *("trainer.val_before_train=false", "trainer.test_freq=-1", "trainer.save_freq=1", "trainer.resume_mode=auto"),
)


class Running:
    """One start of a training, and the processes that belong to it."""

    def __init__(self, folder: Path, data: Path, *overrides: str, steps: int = 3):
        self.training = ToyTraining(folder, data, CHECKPOINT, seed=1, steps=steps, validate_every=steps)
        self.checkpoints = folder / "checkpoints"
        command = [*self.training.command(), f"trainer.default_local_dir={self.checkpoints}", *SMALL, *overrides]
        environment = {**os.environ, "VERL_FILE_LOGGER_PATH": str(self.training.metrics)}
        folder.mkdir(parents=True, exist_ok=True)
        with open(self.training.log, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        self.seen: set[psutil.Process] = set()

    def family(self) -> set[psutil.Process]:
        """All processes that ever were of this run, as far as anybody looked."""
        self.seen |= set(psutil.Process(self.process.pid).children(recursive=True))
        return self.seen

    def named(self, title: str) -> psutil.Process:
        """One that lives."""
        return self.all_named(title)[0]

    def all_named(self, title: str) -> list[psutil.Process]:
        return [each for each in self.family() if each.is_running() and title in _title(each)]

    def wait_until(self, there: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20 * MINUTES
        while not there():
            assert self.process.poll() is None and time.monotonic() < deadline, self.said()[-5000:]
            time.sleep(0.01)

    def wait_for_one_more(self, count: Callable[[], int]) -> None:
        before = count()
        self.wait_until(lambda: count() > before)

    def said(self) -> str:
        return self.training.log.read_text(errors="replace")

    def last_words(self) -> list[str]:
        return [line for line in self.said().splitlines() if line.startswith("verl-reflect: ")]

    def steps(self) -> list[int]:
        """That were logged by this start."""
        if not self.training.metrics.exists():
            return []
        lines = self.training.metrics.read_text().splitlines()
        return [step for line in lines if (step := json.loads(line)["step"])]

    def transcripts(self) -> int:
        return len(list((self.training.folder / "rollout" / "transcripts").glob("*.jsonl")))

    def saved(self) -> int:
        return len(list(self.checkpoints.glob("global_step_*")))

    def end(self) -> None:
        for process in {each for each in self.seen if each.is_running()}:
            process.kill()
        self.process.kill()
        self.process.wait()


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@dataclass(frozen=True)
class Scene:
    """A death."""

    when: Callable[[Running], None]
    who: str
    """A part of the process's title."""
    said: str
    """Part of the last line of the run."""
    overrides: tuple[str, ...] = ()
    meanwhile: Callable[[Running], None] = lambda run: None
    """What others do while it stands still, before it dies."""
    stopped: float = 0.0
    """Seconds for which it stands still after that, so that others come to wait for it."""

    def play(self, run: Running) -> None:
        self.when(run)
        victim = run.named(self.who)
        victim.send_signal(signal.SIGSTOP)
        self.meanwhile(run)
        time.sleep(self.stopped)
        victim.kill()


def generating(run: Running) -> None:
    """A step was logged, and the next one has begun."""
    run.wait_for_one_more(lambda: len(run.steps()))


def training(run: Running) -> None:
    """A step's sessions are there."""
    run.wait_for_one_more(run.transcripts)


def saving(run: Running) -> None:
    run.wait_for_one_more(run.saved)


def saved_whole(run: Running) -> None:
    """The last file of a checkpoint is there."""
    run.wait_until(lambda: list(run.checkpoints.glob("global_step_*/data.pt")))


def judging(run: Running) -> None:
    """The first verdict is asked for. (A process that judges is also started by the preflight.)"""
    run.wait_until(lambda: run.all_named("EngineCore"))
    run.wait_until(lambda: run.all_named("verl_reflect.isolation.supervisor"))


VALIDATED = ("trainer.val_before_train=true",)
SCENES = {
    "agent loop": Scene(generating, "ray::AgentLoopWorker", "agent_loop_worker"),
    "engine in a sync": Scene(
        training, "EngineCore", "the engine of vllm_server_0_0 died", meanwhile=saved_whole, stopped=5.0
    ),
    "engine in generation": Scene(generating, "EngineCore", "the engine of vllm_server_0_0 died"),
    "server": Scene(generating, "ray::vLLMHttpServer", "vllm_server_0_0 died"),
    "worker in an update": Scene(training, "WorkerDict", "WorkerDict_0:0 died"),
    "worker in a save": Scene(saving, "WorkerDict", "WorkerDict_0:0 died", stopped=2.0),
    "engine in a validation": Scene(judging, "EngineCore", "the engine of vllm_server_0_0 died", VALIDATED),
    "agent loop in a validation": Scene(judging, "ray::AgentLoopWorker", "agent_loop_worker", VALIDATED),
    "reward loop": Scene(generating, "ray::RewardLoopWorker", "reward"),
    "queue": Scene(generating, "SimpleStorageUnit", "died"),
    "queue's controller": Scene(generating, "TransferQueueController", "died"),
    "trainer": Scene(generating, "ray::TaskRunner", "died"),
}
