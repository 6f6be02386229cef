"""Compares two LaTeX answers with math-verify, in a process that this one keeps and replaces (see `grading_process`).

A plain subprocess over pipes: it can be started from any thread and from a daemonic process, such as a pool's worker or
a Ray actor's, where `multiprocessing` may have no children, and it imports nothing of the program that started it.
"""

import atexit
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

from verl_reflect.tasks.base import PASSED, Verdict, failed

MAX_CHARS = 2_000
"""Of either text."""

_TOO_LARGE = re.compile(
    r"[0-9]{101}"  # digits
    r"|(?:\^|\*\*)[\s{(]*[0-9]{5}"  # an exponent of five digits
    r"|(?:\^|\*\*)[\s{(]*[0-9]+\s*(?:\^|\*\*|!)"  # a power as an exponent
    r"|[0-9]{4}[\s})]*!"  # a factorial of four digits
)

# The path is handed over, so that it imports what this process would. `-c`, because a script's folder goes first there.
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from verl_reflect.tasks.maths.grading_process import serve; serve()"


class PastLimitsError(Exception):
    """The comparison takes more than the limits allow."""


class Grader:
    """Compares in a process of its own, started at the first comparison. Safe to share between threads."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def same(self, gold: str, answer: str, in_form: bool = False) -> bool:
        """Whether the two mean the same, and, if asked for, the answer is in the form of the gold one (see `form`).

        Raises:
            PastLimitsError: it cannot be told within the limits of this module and of `grading_process`.
            RuntimeError: math-verify cannot be used here, which is nobody's wrong answer.
        """
        if max(len(gold), len(answer)) > MAX_CHARS or _TOO_LARGE.search(answer):
            raise PastLimitsError
        request = json.dumps([gold, answer, in_form]).encode() + b"\n"
        with self._lock:
            # A process may have ended for reasons of its own, and then the next one answers.
            reply = self._exchange(request) or self._exchange(request)
        if not reply:
            raise PastLimitsError
        return bool(json.loads(reply))

    def close(self) -> None:
        """End the process; the next comparison starts another."""
        if self._process is not None:
            self._process.kill()
            self._end()

    def forget(self) -> None:
        """After a fork the process is the parent's, and so may be whoever holds the lock."""
        self._process, self._lock = None, threading.Lock()

    def _exchange(self, request: bytes) -> bytes:
        """Its reply; empty if it ended instead."""
        process = self._process = self._process or _started()
        assert process.stdin and process.stdout
        try:
            with suppress(BrokenPipeError):
                process.stdin.write(request)
            reply = process.stdout.readline()
        except BaseException:  # interrupted: its reply must not be taken for that to the next question
            self.close()
            raise
        if not reply and (ended_by := -self._end()) in (signal.SIGPROF, signal.SIGALRM):
            if ended_by == signal.SIGALRM:
                raise RuntimeError("The comparison of two maths answers stalled on this machine.")
            raise PastLimitsError
        return reply

    def _end(self) -> int:
        """Clean up behind a process that ended, and return its exit code."""
        process, self._process = self._process, None
        assert process and process.stdin and process.stdout
        process.stdin.close()
        process.stdout.close()
        return process.wait()


def _started() -> subprocess.Popen[bytes]:
    # The order of sets decides how sympy goes about some comparisons; with a fixed seed verdicts can be repeated.
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *sys.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    assert process.stdout
    greeting = process.stdout.readline()
    if greeting != b'"ready"\n':
        process.kill()
        process.communicate()
        reason = json.loads(greeting) if greeting else f"its process ended with exit code {process.returncode}"
        raise RuntimeError(f"math-verify cannot be used: {reason}.")
    return process


def verdict(same: Callable[[], bool]) -> Verdict:
    """The verdict on an answer that means the same as the gold one, or does not, or past the limits of telling."""
    try:
        return PASSED if same() else failed("wrong_answer")
    except PastLimitsError:
        return failed("timeout")


GRADER = Grader()
atexit.register(GRADER.close)
os.register_at_fork(after_in_child=GRADER.forget)
