"""What a check found, for the tables of `doctor` and `check-task`."""

from dataclasses import dataclass


class Doubt(str):
    """What a check says that found nothing wrong for certain, but something that a person should know of."""


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    check: str
    fit: bool
    remark: str
    """What is in order, or what to do about what is not."""

    @property
    def doubtful(self) -> bool:
        """Fit, but a person should read the remark."""
        return isinstance(self.remark, Doubt)
