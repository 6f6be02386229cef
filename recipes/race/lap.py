"""One contestant's run, and what it took."""

import json
import os
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from recipes.clone import ROOT
from recipes.race.process_tree import ProcessTree
from verl_reflect.demo.training import TrainingError

PARTS = ("gen", "old_log_prob", "adv", "update_actor", "update_weights")
"""verl's names for the parts of a step, in `timing_s/*`."""


@dataclass(frozen=True)
class Lap:
    """What a run took: seconds, tokens a second, bytes, milliseconds."""

    launch: float
    """Seconds to the end of step 1."""
    step: float
    """Seconds between the ends of steps, the median after step 1."""
    tokens_a_second: float
    """Generated, over all steps after the first."""
    peak_bytes: int
    load: float
    """Processes at work on this machine when it began, on average over a minute: those of others."""
    parts: dict[str, float]
    """Seconds of a step's parts, medians; empty for TRL."""
    launch_seconds: dict[str, float]
    """Processor seconds to the end of step 1, by process."""
    session_milliseconds: dict[str, float]
    """Processor milliseconds a session after step 1, by process."""


def run(command: Sequence[str], folder: Path, sessions: int) -> Lap:
    """Run a contestant in `folder`, whose `metrics.jsonl` gets a line a step.

    Raises TrainingError, with the end of its log, if it fails.
    """
    metrics, log = folder / "metrics.jsonl", folder / "run.log"
    metrics.unlink(missing_ok=True)
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "VERL_FILE_LOGGER_PATH": str(metrics.resolve()), "PYTHONPATH": path}
    load, started = os.getloadavg()[0], time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
    tree = ProcessTree(process.pid)
    tree.start()
    ends: list[tuple[float, dict[str, Any]]] = []
    used = []
    try:
        for line in _follow(process, metrics):
            ends.append((time.monotonic() - started, line["data"]))
            tree.sample(memory=False)
            used.append(tree.processor_seconds())
    finally:
        tree.stop()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
    if process.returncode or len(ends) < 2:
        raise TrainingError(f"{folder.name} failed; the end of {log}:\n{_end_of(log)}")
    return Lap(
        launch=ends[0][0],
        **figures(ends, sessions),
        peak_bytes=tree.peak_bytes,
        load=load,
        launch_seconds=used[0],
        session_milliseconds=_a_session(used[0], used[-1], sessions * (len(ends) - 1)),
    )


def _a_session(before: dict[str, float], after: dict[str, float], sessions: int) -> dict[str, float]:
    """Processor milliseconds between two moments, by process."""
    return {name: 1000 * (seconds - before.get(name, 0.0)) / sessions for name, seconds in after.items()}


def figures(ends: Sequence[tuple[float, dict[str, Any]]], sessions: int) -> dict[str, Any]:
    """Fields of a Lap, from the ends of the steps: seconds since the start, and the step's metrics."""
    times = [seconds for seconds, _ in ends]
    later = [data for _, data in ends[1:]]
    tokens = sum(generated_tokens(data, sessions) for data in later)
    return {
        "step": statistics.median(after - before for before, after in pairwise(times)),
        "tokens_a_second": tokens / (times[-1] - times[0]),
        "parts": {
            part: statistics.median(data[f"timing_s/{part}"] for data in later)
            for part in PARTS
            if all(f"timing_s/{part}" in data for data in later)
        },
    }


def generated_tokens(data: dict[str, Any], sessions: int) -> float:
    """Of a step: as TRL's journal counts them, or from what verl says of rows, of which each session has one."""
    if "generated_tokens" in data:
        return float(data["generated_tokens"])
    trained = float(data["response_length/mean"]) * sessions
    return trained * float(data.get("reflect/generated_tokens_per_trained_token", 1.0))


def _follow(process: "subprocess.Popen[bytes]", metrics: Path) -> Iterator[dict[str, Any]]:
    seen = 0
    while True:
        ended = process.poll() is not None
        lines = metrics.read_text(encoding="utf-8").splitlines(keepends=True) if metrics.exists() else []
        complete = [line for line in lines if line.endswith("\n")]
        yield from map(json.loads, complete[seen:])
        seen = len(complete)
        if ended:
            return
        time.sleep(0.05)


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])
