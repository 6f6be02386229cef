r"""The process in which math-verify compares two LaTeX answers, under limits that the kernel keeps.

It reads a line of JSON (`["gold", "answer", false]`) and writes one: `true` or `false`. The first line that it writes
says `"ready"`, or why it cannot start. math-verify's own time limits are turned off: they need the main thread and a
Python that gets to run, and one power of whole numbers (`9^{9^9}`) lets no Python run for hours. Here the kernel ends
the process, and `grader` starts another.
"""

import json
import logging
import os
import resource
import signal
from typing import Any, BinaryIO

CPU_SECONDS = 3.0
"""Processor time for one comparison, which takes 0.01 s as a rule. A busy machine changes no verdict."""

WALL_SECONDS = 60
"""For the imports, and for a comparison on a machine that stalls. Past it there is no verdict."""

MEMORY_BYTES = 2 * 2**30
"""Address space; what would need more is not equal."""

COMPARISONS = 5_000
"""After so many the process ends, because what sympy remembers of them grows."""

_DIGITS = 20
_TOLERANCE = 1e-6
"""Of two numbers that are the same."""


def serve() -> None:
    """Compare until standard input ends."""
    requests, replies = _take_over_pipes()
    _set_limits()
    signal.alarm(WALL_SECONDS)
    try:
        import math_verify  # noqa: F401
    except ImportError as error:
        _reply(replies, str(error))
        return
    logging.disable(logging.CRITICAL)  # math-verify warns that its time limits are off
    signal.alarm(0)
    _reply(replies, "ready")
    for _ in range(COMPARISONS):
        line = requests.readline()
        if not line:
            return
        _start_clocks(WALL_SECONDS, CPU_SECONDS)
        verdict = _same(*json.loads(line))
        _start_clocks(0, 0)
        _reply(replies, verdict)


def _take_over_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output; whatever else prints in this process goes nowhere."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    return requests, replies


def _set_limits() -> None:
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    clocks = (signal.SIGPROF, signal.SIGALRM)
    for number in clocks:
        signal.signal(number, signal.SIG_DFL)  # no handler: the kernel ends the process, whatever it is doing
    signal.pthread_sigmask(signal.SIG_UNBLOCK, clocks)


def _start_clocks(wall: int, cpu: float) -> None:
    """Zero stops them."""
    signal.alarm(wall)
    signal.setitimer(signal.ITIMER_PROF, cpu)


def _reply(replies: BinaryIO, value: object) -> None:
    replies.write(json.dumps(value).encode() + b"\n")
    replies.flush()


def _same(gold: str, answer: str, in_form: bool = False) -> bool:
    """Whether the two mean the same; what cannot be read or compared does not.

    `in_form`: and the answer leaves nothing to do that the gold one does not, as `form` tells it.
    """
    from math_verify import verify

    from verl_reflect.tasks.maths.form import in_form as is_in_form

    try:
        golds, answers = _read(gold), _read(answer)
        if in_form and not (golds and answers and is_in_form(golds[0], answers[0])):
            return False
        if _is_empty(golds) or _is_empty(answers):
            return gold.strip() == answer.strip()
        if _lacks_solutions(golds) or _lacks_solutions(answers):
            return bool(golds[0] == answers[0])
        same = verify(golds, answers, allow_set_relation_comp=True, timeout_seconds=None)
        return bool(same) and not _differ_in_size(golds, answers)
    except Exception:  # sympy's are of every kind, MemoryError and RecursionError among them
        return False


def _is_empty(read: list[Any]) -> bool:
    """Also what was not meant to be: `(3,2]` has no numbers in it, and says nothing."""
    from sympy import S

    return bool(read) and read[0] == S.EmptySet


def _differ_in_size(golds: list[Any], answers: list[Any]) -> bool:
    """Two numbers that differ in their first six digits: math-verify compares small ones by decimal places."""
    from sympy import Expr, N

    gold, answer = golds[0], answers[0]
    if not (isinstance(gold, Expr) and isinstance(answer, Expr)) or gold.free_symbols or answer.free_symbols:
        return False
    size = abs(N(gold, _DIGITS))
    return bool(size < 1) and bool(abs(N(gold, _DIGITS) - N(answer, _DIGITS)) > size * _TOLERANCE)


def _read(text: str) -> list[Any]:
    """The expression in the text, and the text as a last resort."""
    from latex2sympy2_extended import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse

    # First the box, and nothing after it: math-verify would look for an answer within the answer. And no units: it
    # takes letters for them, the t of `2t` too.
    spelling = NormalizationConfig(units=False, malformed_operators=True, nits=True)
    box = [LatexExtractionConfig(boxed_match_priority=0, normalization_config=spelling)]
    return parse(rf"\boxed{{{text}}}", box, extraction_mode="first_match", parsing_timeout=None)


def _lacks_solutions(read: list[Any]) -> bool:
    """An equation without any: math-verify takes two of them for equal, because their (no) solutions agree."""
    from sympy import Eq, solve

    return bool(read) and isinstance(read[0], Eq) and not solve(read[0], read[0].free_symbols)
