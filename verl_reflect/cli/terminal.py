"""Lets a command clean up when it is told to end."""

import signal
import sys


def end_like_an_interrupt() -> None:
    """Let SIGTERM unwind the stack as Ctrl-C does, so that what we started or prepared ends with us."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
