"""How a recipe's command ends."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from verl_reflect.demo.training import TrainingError


@contextmanager
def ending_well() -> Iterator[None]:
    """Say in a sentence what cannot be done; and let SIGTERM end what was started, as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    except (TrainingError, ValueError, OSError) as error:
        sys.exit(str(error))
    finally:
        signal.signal(signal.SIGTERM, before)
