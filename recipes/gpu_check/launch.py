"""One launch of verl's trainer in a process group of its own: followed, limited in time, and killed on purpose."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from verl_reflect.records.metrics_log import FILE_NAME, StepMetrics, read_metrics

SECONDS_BETWEEN_LOOKS = 0.5
LAST_LINES = 15


class LaunchError(RuntimeError):
    """A launch failed or took too long. The message ends with the last lines of its log."""


@dataclass(frozen=True)
class Launch:
    """One command line of verl's trainer.

    Args:
        folder: Where it leaves its files. A launch that goes on from another's checkpoints has the same.
        seconds: How long it may take.
        stop_after: It is killed, with all that it started and without a word, once this step is logged.
    """

    name: str
    folder: Path
    overrides: tuple[str, ...]
    seconds: float
    stop_after: int | None = None

    @property
    def log(self) -> Path:
        """What verl, Ray and the server print."""
        return self.folder / "verl.log"

    @property
    def steps(self) -> list[StepMetrics]:
        """What verl has logged so far."""
        path = self.folder / FILE_NAME
        return read_metrics(path) if path.exists() else []

    def run(self) -> None:
        """Run it to its end, or until it is to be killed. Raises LaunchError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "verl.trainer.main_ppo", *self.overrides],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "VERL_FILE_LOGGER_PATH": str(self.folder / FILE_NAME)},
                start_new_session=True,
            )
        try:
            self._wait(process, time.monotonic() + self.seconds)
        finally:
            kill(process)

    def _wait(self, process: "subprocess.Popen[bytes]", deadline: float) -> None:
        while process.poll() is None:
            if self._to_be_killed():
                return
            if time.monotonic() > deadline:
                raise LaunchError(f"{self.name} was not done after {self.seconds:.0f} s; {self._end_of_log()}")
            time.sleep(SECONDS_BETWEEN_LOOKS)
        if process.returncode != 0:
            raise LaunchError(f"{self.name} ended with {process.returncode}; {self._end_of_log()}")

    def _to_be_killed(self) -> bool:
        return self.stop_after is not None and any(step.step >= self.stop_after for step in self.steps)

    def _end_of_log(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        return f"the end of {self.log}:\n" + "\n".join(lines)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """End the driver, Ray and every worker with SIGKILL, as the kernel does when memory runs out."""
    victims = descendants(process.pid)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # with what was started since; Ray's have sessions of their own
    for victim in victims:
        _unless_gone(victim.kill)
    process.wait()


def descendants(pid: int) -> list[psutil.Process]:
    """The process and all below it; none if it is gone."""
    try:
        root = psutil.Process(pid)
        return [*root.children(recursive=True), root]
    except psutil.NoSuchProcess:
        return []


def _unless_gone(act: Callable[[], None]) -> None:
    try:
        act()
    except psutil.NoSuchProcess:
        return
