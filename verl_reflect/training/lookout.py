"""Ends a run that waits for something that cannot come any more: verl waits for ever for a process that died.

A thread in the trainer's own process looks every few seconds for processes of the run that died (`deaths.py`), and for
a weight sync that takes longer than `reflect.weight_sync_timeout`. It leaves a last word for the driver, which
`ending.py` says, and interrupts the trainer as Ctrl-C would: no other exception gets out of `ray.get`, where a trainer
mostly waits. One that cannot be interrupted is ended.
"""

import logging
import os
import signal
import threading
import time

import ray
from ray.experimental.internal_kv import _internal_kv_get, _internal_kv_put

from verl_reflect.training.deaths import Actors
from verl_reflect.training.phase import WEIGHT_SYNC, phase

SECONDS_BETWEEN_LOOKS = 3.0
SECONDS_TO_END = 30.0
"""For a trainer to close its loggers, once it is interrupted."""
WHAT_NOW = "The run cannot go on; started again with trainer.resume_mode=auto, it goes on from its last checkpoint."
SIGNAL = signal.SIGUSR2
"""Nobody else's: neither Ray nor verl nor vLLM uses it."""

logger = logging.getLogger(__name__)


class RunDiedError(RuntimeError):
    """Something that the run cannot do without is gone. The message is one sentence."""


class Lookout(threading.Thread):
    """Looks after a run for as long as verl's task runner runs it.

    Args:
        weight_sync_timeout: Seconds that a weight sync may take.
    """

    def __init__(self, weight_sync_timeout: float):
        super().__init__(name="verl-reflect lookout", daemon=True)
        self._timeout = weight_sync_timeout
        self._trainer = threading.main_thread().ident or 0
        self._syncing_since: float | None = None
        self._actors = Actors()
        self._looking = threading.Lock()
        self._ended: str | None = None

    def run(self) -> None:
        """Look until something is wrong, and end the run; or until the run has ended."""
        while phase(self._trainer) is not None:
            if self.look() is not None:
                self._end()
                return
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def _end(self) -> None:
        signal.pthread_kill(self._trainer, SIGNAL)
        time.sleep(SECONDS_TO_END)
        if phase(self._trainer) is not None:
            os._exit(1)

    def look(self, seconds: float = 0.0) -> str | None:
        """What ends the run, in a sentence, once it is known. Waits so long for signs of life."""
        with self._looking:
            if self._ended is None and (found := self._died(seconds) or self._stuck()):
                self._ended = found
                logger.error("verl-reflect: %s", found)
                leave_last_word(found)
            return self._ended

    def check(self) -> None:
        """Look well. Raises RunDiedError for what ends the run."""
        if ended := self.look(SECONDS_BETWEEN_LOOKS):
            raise RunDiedError(ended)

    def _died(self, seconds: float) -> str | None:
        dead = self._actors.dead(seconds)
        if not dead:
            return None
        return f"{'; '.join(map(str, dead))}. This was seen during {phase(self._trainer)}. {WHAT_NOW}"

    def _stuck(self) -> str | None:
        if phase(self._trainer) != WEIGHT_SYNC:
            self._syncing_since = None
            return None
        now = time.monotonic()
        self._syncing_since = self._syncing_since or now
        if now - self._syncing_since < self._timeout:
            return None
        return (
            f"A weight sync has taken more than reflect.weight_sync_timeout={self._timeout:g} seconds: a server hangs, "
            f"or the limit is too low. {WHAT_NOW}"
        )


def start(weight_sync_timeout: float) -> Lookout | None:
    """Watch the run whose trainer this process and thread are; None outside of a Ray cluster, where nothing can die."""
    if not ray.is_initialized() or threading.current_thread() is not threading.main_thread():
        return None
    signal.signal(SIGNAL, signal.default_int_handler)
    lookout = Lookout(weight_sync_timeout)
    lookout.start()
    return lookout


def leave_last_word(sentence: str) -> None:
    """Where the driver finds it, however this process ends."""
    _internal_kv_put(_key(), sentence.encode(), overwrite=True)


def last_word() -> str | None:
    """What the lookout of this job's trainer said; None if it said nothing, or there is no Ray any more."""
    found = _internal_kv_get(_key()) if ray.is_initialized() else None
    return found.decode() if found else None


def _key() -> bytes:
    """Of this job in Ray's own store, which has no public door and is used by Ray's libraries through this one."""
    return f"verl-reflect last word {ray.get_runtime_context().get_job_id()}".encode()
