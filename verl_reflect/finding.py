"""What a check found, for the tables of `doctor` and `check-task`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    check: str
    fit: bool
    remark: str
    """What is in order, or what to do about what is not."""
