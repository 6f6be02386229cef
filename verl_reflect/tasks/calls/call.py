"""What a call is, and what is said of a response that holds none."""

from typing import Any, NamedTuple


class Call(NamedTuple):
    """A call that a response makes."""

    name: str
    arguments: dict[str, Any]


class CallWithVariables(Call):
    """A call in which a variable's name stands for a value. Only a benchmark may ask for that: it cannot be run."""

    __slots__ = ()


class NotCalls(ValueError):  # noqa: N818  (it names what the response is, not a fault of the program)
    """The response holds no calls that can be read."""


class BrokenCalls(NotCalls):
    """The response marks a call, and it cannot be read."""
