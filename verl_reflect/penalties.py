"""Penalties on reflections, all of them off. The paper has none: it pays success of the retry and nothing else.

They change what is optimised, so a run with one of them is no replication. Each is a weight on a quantity between 0 and
1 that `Outcome.metrics` counts for every session, penalised or not.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields


@dataclass
class Penalties:
    """What each quantity costs at 1, in units of the reward: a retry that passes earns 1."""

    answer_in_reflection: float = 0.0
    """The reflection states the answer (1 or 0), as `Task.gives_away` finds it."""

    reflection_forged: float = 0.0
    """The reflection went on past a chat marker (1 or 0). It gets no retry, and so no reward, in any case."""

    foreign_script: float = 0.0
    """Share of the reflection's letters in a script that neither the task nor the request is written in."""

    too_long: float = 0.0
    """0 up to `reflect.expected_reflection_tokens`, 1 at `reflect.max_reflection_tokens`, a line between them."""

    @property
    def used(self) -> bool:
        """Any of them is on."""
        return any(asdict(self).values())

    def validate(self) -> None:
        """Raise ValueError, in one sentence, for a weight that is no penalty."""
        for name, weight in asdict(self).items():
            if not 0 <= weight < float("inf"):
                raise ValueError(f"reflect.penalties.{name} is {weight:g}; a penalty is 0 (off) or more.")

    def cost(self, quantities: Mapping[str, float]) -> float:
        """What the session loses. `quantities` has at least the names in PENALISED."""
        return sum(weight * quantities[name] for name, weight in asdict(self).items())


PENALISED = tuple(field.name for field in fields(Penalties))


def too_long(tokens: int, expected: float, limit: int) -> float:
    """0 for up to `expected` tokens, 1 for `limit`, a line between them."""
    return min(max((tokens - expected) / (limit - expected), 0.0), 1.0)
