"""Judges in a pool's worker. It stands here because a worker that is spawned imports it by its name.

A test's own module is no name that it could import: verl's wheel has a package called `tests`.
"""

import multiprocessing

from verl_reflect.tasks.math import Math


def is_daemon_that_judges(answer: str) -> tuple[bool, str]:
    """Whether this process is daemonic, and the category of an answer to the gold answer 0.5."""
    return multiprocessing.current_process().daemon, Math().judge(rf"\boxed{{{answer}}}", "0.5").category
