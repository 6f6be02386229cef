"""Ends a run that waits for something that cannot come any more: verl waits for ever for a process that died.

A thread in the trainer's own process looks every few seconds for processes of the run that died (`deaths.py`), and for
a weight sync that takes longer than `reflect.weight_sync_timeout`, and raises in the trainer's thread what happened, in
one sentence. That thread mostly waits inside of Ray, which lets a signal interrupt it. Should the exception get lost on
its way, the process ends.
"""

import logging
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import NoReturn

import ray

from verl_reflect.training.deaths import Actors
from verl_reflect.training.phase import WEIGHT_SYNC, phase

SECONDS_BETWEEN_LOOKS = 3.0
SECONDS_TO_END = 20.0
"""For the trainer to close its loggers after the exception, before its process is ended."""
WHAT_NOW = "The run cannot go on; started again with trainer.resume_mode=auto, it goes on from its last checkpoint."
SIGNAL = signal.SIGUSR2
"""Nobody else's: neither Ray nor verl nor vLLM uses it."""

logger = logging.getLogger(__name__)


class RunDiedError(RuntimeError):
    """Something that the run cannot do without is gone. The message is one sentence."""


class Lookout(threading.Thread):
    """Looks after a run for as long as its trainer's process lives.

    Args:
        weight_sync_timeout: Seconds that a weight sync may take.
    """

    def __init__(self, weight_sync_timeout: float):
        super().__init__(name="verl-reflect lookout", daemon=True)
        self._timeout = weight_sync_timeout
        self._thread = threading.main_thread().ident or 0
        self._syncing_since: float | None = None
        self._actors = Actors()
        self._looking = threading.Lock()
        self._ended: str | None = None

    def run(self) -> None:
        """Look until something is wrong, and end the run."""
        while self.look() is None:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        if self._phase() is None:  # the trainer has ended by itself
            return
        signal.pthread_kill(self._thread, SIGNAL)
        time.sleep(SECONDS_TO_END)
        if self._phase() is not None:
            sys.stderr.flush()
            os._exit(1)

    def look(self, seconds: float = 0.0) -> str | None:
        """What ends the run, in a sentence, once it is known. Waits so long for signs of life."""
        with self._looking:
            if self._ended is None and (found := self._died(seconds) or self._stuck()):
                self._ended = found
                logger.error("verl-reflect: %s", found)
            return self._ended

    def check(self) -> None:
        """Look well. Raises RunDiedError for what ends the run."""
        if ended := self.look(SECONDS_BETWEEN_LOOKS):
            raise RunDiedError(ended)

    def interrupt(self, number: int, frame: FrameType | None) -> NoReturn:
        """What the signal does in the trainer's thread."""
        raise RunDiedError(self._ended)

    def _phase(self) -> str | None:
        return phase(self._thread)

    def _died(self, seconds: float) -> str | None:
        dead = self._actors.dead(seconds)
        if not dead:
            return None
        return f"{'; '.join(map(str, dead))}. This was seen during {self._phase() or 'the start'}. {WHAT_NOW}"

    def _stuck(self) -> str | None:
        if self._phase() != WEIGHT_SYNC:
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
    lookout = Lookout(weight_sync_timeout)
    signal.signal(SIGNAL, lookout.interrupt)
    lookout.start()
    return lookout
