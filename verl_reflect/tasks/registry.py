"""Finds the task that judges a row: by `data_source`, among the tasks of this package and the user's own.

Every reward worker imports this, so tasks are imported when they are first asked for, and neither verl nor torch is.
"""

import importlib
from collections.abc import Mapping, Sequence
from functools import cache

from verl_reflect.tasks.base import Task

BUILT_IN = (
    "verl_reflect.tasks.countdown:Countdown",
    "verl_reflect.tasks.function_calling:FunctionCalling",
    "verl_reflect.tasks.bfcl:Bfcl",
    "verl_reflect.tasks.gsm8k:Gsm8k",
    "verl_reflect.tasks.math:Math",
)


def task_for(data_source: str, tasks: Sequence[str] = ()) -> Task:
    """The task that judges the rows of this data source.

    What follows a slash only tells subsets apart, since verl reports validation by data source: the rows of
    `countdown/blind` are Countdown's. A task may claim a name with a slash, such as `openai/gsm8k`.

    Args:
        tasks: The user's own, as `module:Class`; they go before this package's.

    Raises:
        ValueError: there is none, or a user's task cannot be imported.
    """
    known = _by_data_source(tuple(tasks))
    try:
        return known[data_source if data_source in known else data_source.partition("/")[0]]
    except KeyError:
        raise ValueError(
            f"There is no task for data_source {data_source!r}, only for {', '.join(known)}: name your own in "
            "reflect.tasks=[module:Class], or set reward.custom_reward_function.path to your compute_score."
        ) from None


def load_task(name: str) -> Task:
    """Make the task named `module:Class`. Raises ValueError, in one sentence, if that is not one."""
    module, _, cls = name.partition(":")
    if not cls:
        raise ValueError(f"{name} names no class; name a task as module:Class.")
    try:
        found = vars(importlib.import_module(module))[cls]
    except ImportError as error:
        raise ValueError(f"The task {name} cannot be imported: {error} (is its folder on PYTHONPATH?).") from error
    except KeyError:
        raise ValueError(f"The module {module} has no {cls!r}.") from None
    except BaseException as error:  # a user's module may raise anything, SystemExit included
        raise ValueError(f"The task {name} cannot be imported: {type(error).__name__}: {error}.") from error
    if not (isinstance(found, type) and issubclass(found, Task)):
        raise ValueError(f"{name} is not a class derived from verl_reflect.tasks.base.Task.")
    try:
        return found()
    except TypeError as error:  # a method is missing
        raise ValueError(f"The task {name} cannot be made: {error}.") from error
    except BaseException as error:
        raise ValueError(f"The task {name} cannot be made: {type(error).__name__}: {error}.") from error


def wordings(tasks: Sequence[str] = ()) -> list[str]:
    """What the tasks, the user's own included, say after a failure."""
    return sorted({task.reflection_prompt for task in _by_data_source(tuple(tasks)).values()})


@cache
def _by_data_source(tasks: tuple[str, ...]) -> Mapping[str, Task]:
    found: dict[str, Task] = {}
    for task in map(load_task, (*tasks, *BUILT_IN)):
        for source in task.data_sources:
            found.setdefault(source, task)
    return found
