"""Runs verl's unmodified trainer on the tiny model in a process of its own, and follows it.

What is run is the command line a user would type. verl's output goes to a log file; progress comes from its `file`
logger and the outcome from the transcripts of its validations.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verl_reflect.records.growing_file import is_locked
from verl_reflect.records.metrics_log import parts_of
from verl_reflect.records.run import read_starts
from verl_reflect.records.transcripts import Transcript, read_transcripts, transcript_file
from verl_reflect.records.whole_file import writing


class TrainingError(RuntimeError):
    """verl's trainer ended with an error. The message ends with the last lines of its log."""


@dataclass(frozen=True)
class ToyTraining:
    """One training of the tiny model.

    Args:
        folder: Where log, metrics and transcripts go.
        data: Folder with `train.parquet` and `validation.parquet`.
        model: Folder of the model to start from.
    """

    folder: Path
    data: Path
    model: Path
    seed: int
    steps: int
    validate_every: int
    overrides: tuple[str, ...] = ()
    """What this training does in another way, as on verl's command line. A recipe takes the method's place."""

    @property
    def log(self) -> Path:
        """Everything verl, Ray and vLLM print."""
        return self.folder / "verl.log"

    @property
    def metrics(self) -> Path:
        """One JSON line for each step: `{"step": ..., "data": {...}}`."""
        return self.folder / "metrics.jsonl"

    @property
    def finished(self) -> bool:
        """The last validation is there."""
        return transcript_file(self.folder / "validation", self.steps).exists()

    @property
    def is_done(self) -> bool:
        """This training, with this seed, is in the folder to its end, and nobody is at work there."""
        starts = read_starts(self._starts)
        ours = bool(starts) and starts[-1].seeds.get("data.seed") == self.seed
        return ours and self.finished and not is_locked(self._starts)

    def command(self) -> list[str]:
        """The command line."""
        recipes = [override for override in self.overrides if override.startswith("+recipe=")]
        return [
            *(sys.executable, "-m", "verl.trainer.main_ppo"),
            *(recipes or ["+recipe=reflect_grpo"]),
            *("+task=countdown_toy", "+hardware=cpu"),
            f"actor_rollout_ref.model.path={self.model.resolve()}",
            f"data.train_files={(self.data / 'train.parquet').resolve()}",
            f"data.val_files={(self.data / 'validation.parquet').resolve()}",
            f"data.seed={self.seed}",
            f"actor_rollout_ref.rollout.seed={self.seed}",
            f"trainer.total_training_steps={self.steps}",
            "trainer.total_epochs=1000000",
            f"trainer.test_freq={self.validate_every}",
            "actor_rollout_ref.rollout.agent.num_workers=2",  # a model this small waits for Python, not for vLLM
            "trainer.logger=[console,file]",
            "trainer.resume_mode=disable",
            f"trainer.validation_data_dir={(self.folder / 'validation').resolve()}",
            f"trainer.rollout_data_dir={(self.folder / 'rollout').resolve()}",
            f"hydra.run.dir={(self.folder / 'hydra').resolve()}",
            *(override for override in self.overrides if override not in recipes),
        ]

    def run(self) -> Iterator[dict[str, Any]]:
        """Train, yielding the metrics of each step (step 0 is the validation before training) as they appear.

        Raises:
            TrainingError: the trainer failed, or another training is in the folder.
            OSError: in one sentence, the log cannot be written.
        """
        self.refuse_if_another_is_there()
        self._remove_what_was_broken_off()
        # What verl prints goes to a file, whatever the terminal can show.
        variables = {"VERL_FILE_LOGGER_PATH": str(self.metrics.resolve()), "PYTHONIOENCODING": "utf-8"}
        environment = {**os.environ, **variables}
        with writing(self.log):
            self.folder.mkdir(parents=True, exist_ok=True)
            log = open(self.log, "wb")  # noqa: SIM115  (closed below)
        with log:
            process = subprocess.Popen(
                self.command(), stdout=log, stderr=subprocess.STDOUT, env=environment, start_new_session=True
            )
        try:
            yield from self._follow(process)
        finally:
            if process.poll() is None:  # we were interrupted: take the trainer, Ray and its workers along
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
        if process.returncode != 0:
            raise TrainingError(f"verl's trainer failed; the end of {self.log}:\n{self._end_of_log()}")

    def refuse_if_another_is_there(self) -> None:
        """Raise TrainingError, in one sentence, for a folder whose training is finished, or at work."""
        if is_locked(self._starts):
            raise TrainingError(f"{self.folder} is being written to by another training; wait for it.")
        if self.finished:
            raise TrainingError(
                f"{self.folder} holds a finished training; look at it with verl-reflect report {self.folder}, or "
                "remove the folder to train anew."
            )

    @property
    def _starts(self) -> Path:
        return self.metrics.with_suffix(".run.jsonl")

    def _remove_what_was_broken_off(self) -> None:
        """An unfinished training cannot go on, for it saves nothing, and a new one must not be mixed with it."""
        for name in ("validation", "rollout"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for path in (*parts_of(self.metrics), self.metrics, self._starts):
            path.unlink(missing_ok=True)

    def _follow(self, process: "subprocess.Popen[bytes]") -> Iterator[dict[str, Any]]:
        seen = 0
        while True:
            ended = process.poll() is not None
            lines = self.metrics.read_text(encoding="utf-8").splitlines(keepends=True) if self.metrics.exists() else []
            complete = [line for line in lines if line.endswith("\n")]
            for line in complete[seen:]:
                yield json.loads(line)
            seen = len(complete)
            if ended:
                return
            time.sleep(0.2)

    def _end_of_log(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def validation(self, step: int) -> list[Transcript]:
        """The transcripts of the validation at a step."""
        return read_transcripts(self.folder / "validation", step)
