"""A record of a task's source, and how it becomes an item: the data maker and the contract read it alike."""

from dataclasses import dataclass
from typing import Any

from verl_reflect.tasks.base import Item, Task

Record = Any
"""What `Task.item` takes: from the readers of `data.sources`, a mapping from column to value."""


@dataclass(frozen=True)
class Unreadable:
    """Stands in for a record that could not be read at all, and says why."""

    reason: str


def read_item(task: Task, record: Record) -> Item:
    """The task's item for a record. Raises ValueError, with the reason, for a malformed one.

    KeyError counts as ValueError, and so do TypeError and AttributeError: that is what plain code raises for a missing
    column and for a value of a wrong type, such as null.
    """
    if isinstance(record, Unreadable):
        raise ValueError(record.reason)
    try:
        return task.item(record)
    except KeyError as error:
        raise ValueError(f"there is no column {error}") from error
    except (TypeError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
