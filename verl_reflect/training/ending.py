"""The last word of a run in which a process died: one sentence.

A Hydra callback, chosen by the recipe: it runs in the driver, which sees what ended the trainer's process as an
exception of Ray's. Any other error keeps its traceback.
"""

import sys
from typing import Any

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback


class Ending(Callback):
    """Says why a training ended."""

    def on_job_end(self, config: Any, job_return: JobReturn, **_: Any) -> None:
        """Exit with a sentence for an error that has one."""
        error = job_return._return_value
        if isinstance(error, Exception) and (sentence := said(error)):
            sys.exit(f"verl-reflect: {sentence}")


def said(error: Exception) -> str | None:
    """Why a run ended, in a sentence; None for an error that only a traceback explains."""
    from ray.exceptions import OutOfMemoryError, RayActorError, RayTaskError, TaskCancelledError

    from verl_reflect.training.deaths import death_of
    from verl_reflect.training.lookout import WHAT_NOW, RunDiedError, last_word

    while isinstance(error, RayTaskError):  # of an actor that asked an actor
        error = error.cause
    if isinstance(error, RunDiedError):
        return str(error)
    if isinstance(error, RayActorError | OutOfMemoryError):
        return last_word() or f"{death_of(error)}. {WHAT_NOW}"
    return last_word() if isinstance(error, TaskCancelledError) else None
