"""The journal of a mining: one line a finished query."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from verl_reflect.mine.sampling import Failure, Sampled
from verl_reflect.records.journal import Journal


class MiningJournal(Journal[Sampled]):
    """An open journal of queries.

    Attributes:
        sampled: What is finished, by query. A query that was given up is not among them: it is tried again.
    """

    def __init__(self, path: Path, belongs_to: Mapping[str, Any]):
        super().__init__(path, belongs_to, _sampled)
        self.sampled = {each.query: each for each in self.earlier if not each.error}

    async def append(self, sampled: Sampled) -> None:
        """Add a query and return once it is on the disk."""
        await super().append(sampled)
        self.sampled[sampled.query] = sampled


def _sampled(fields: dict[str, Any]) -> Sampled:
    return Sampled(**{**fields, "kept": [Failure(**failure) for failure in fields["kept"]]})
