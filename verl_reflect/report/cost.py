"""What a training cost: tokens that the model wrote, tokens that were trained, seconds of its steps.

Counted from the transcripts of what was trained on. Validations, and groups that were replaced before a step, are not
in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from verl_reflect.report.reading import Subject


@dataclass(frozen=True)
class Cost:
    """Of one training. None: not recorded."""

    name: str
    steps: int
    sessions: int
    generated: int
    """Tokens."""
    trained: int
    """Tokens."""
    seconds: float | None


def costs(sources: Sequence[Subject]) -> list[Cost]:
    """Of each training that left transcripts of what it trained on."""
    return [_cost(source) for source in sources if source.rollouts]


def _cost(source: Subject) -> Cost:
    sessions = [session for step in source.rollouts.values() for session in step]
    timed = [step.values["timing_s/step"] for step in source.metrics if "timing_s/step" in step.values]
    return Cost(
        source.name,
        len(source.rollouts),
        len(sessions),
        sum(session.generated_tokens for session in sessions),
        sum(session.turn_tokens(source.settings.trained_turns) for session in sessions),
        sum(timed) if timed else None,
    )
