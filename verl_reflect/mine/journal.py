"""The journal of a mining: one line a finished query."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from verl_reflect.mine.sampling import Failure, Outcome
from verl_reflect.records.journal import Journal


class MiningJournal(Journal[Outcome]):
    """An open journal of queries.

    Attributes:
        outcomes: What is finished, by query. A query that was given up is not among them: it is tried again.
    """

    def __init__(self, path: Path, belongs_to: Mapping[str, Any]):
        super().__init__(path, belongs_to, _outcome)
        self.outcomes = {outcome.query: outcome for outcome in self.earlier if not outcome.error}

    async def append(self, outcome: Outcome) -> None:
        """Add an outcome and return once it is on the disk."""
        await super().append(outcome)
        self.outcomes[outcome.query] = outcome


def _outcome(fields: dict[str, Any]) -> Outcome:
    return Outcome(**{**fields, "kept": [Failure(**failure) for failure in fields["kept"]]})
