"""What a contestant's processes take: memory and processor time, sampled while they run.

Processor time is kept by name and process, so that what a process used is known when it has ended. Memory is PSS: pages
that several processes share are counted once.
"""

import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress

import psutil

GONE = (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError, ProcessLookupError)


class ProcessTree(threading.Thread):
    """Samples a process and all its descendants until it is stopped."""

    def __init__(self, pid: int, every: float = 2.0):
        super().__init__(daemon=True)
        self.root, self.every = psutil.Process(pid), every
        self.peak_bytes = 0
        self._seconds: dict[int, float] = {}
        self._names: dict[int, str] = {}
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(self.every):
            self.sample()

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    def sample(self, memory: bool = True) -> None:
        """Look once."""
        total = sum(self._look(process, memory) for process in self._members())
        self.peak_bytes = max(self.peak_bytes, total)

    def _members(self) -> Iterator[psutil.Process]:
        with suppress(*GONE):
            yield self.root
            yield from self.root.children(recursive=True)

    def _look(self, process: psutil.Process, memory: bool) -> int:
        with suppress(*GONE):
            times = process.cpu_times()
            self._names[process.pid] = name_of(process.cmdline(), process.name())
            self._seconds[process.pid] = times.user + times.system
            return int(process.memory_full_info().pss) if memory else 0
        return 0

    def processor_seconds(self) -> dict[str, float]:
        """Until the last sample, by name."""
        seconds: dict[str, float] = defaultdict(float)
        for pid, used in list(self._seconds.items()):
            seconds[self._names[pid]] += used
        return dict(seconds)


def name_of(command: list[str], program: str) -> str:
    """What a process is, in a word or two: Ray names its workers after what they do."""
    line = " ".join(command)
    if match := re.match(r"ray::(\w+)", line):
        return re.sub(r"^WorkerDict.*", "WorkerDict", match[1])
    if "main_ppo" in line or "retry_in_trl" in line:
        return "driver"
    if "VLLM" in line or "EngineCore" in line:
        return "vLLM engine"
    if "ray" in line:
        return "Ray's own"
    return program
