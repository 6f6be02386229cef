"""Warnings of what makes a step's turns worthless without an error: a chat template that does not fit, a fixed seed."""

import logging
from collections.abc import Sequence

from verl_reflect.records.transcripts import Transcript, Utterance

TOLERATED = 0.05
"""Share of a step's turns that may be empty or forged without a warning."""

logger = logging.getLogger(__name__)


class TurnFaults:
    """Looks at the turns of each training step."""

    def __init__(self) -> None:
        self._told_of_copies = False

    def look(self, groups: Sequence[Sequence[Transcript]]) -> dict[str, float]:
        """The metric `reflect/unusable_turns`. Warns where it is high, and once a run of groups of copies."""
        turns = [turn for sessions in groups for session in sessions for turn in _turns(session)]
        share = sum(turn.empty or turn.forged for turn in turns) / len(turns)
        if share > TOLERATED:
            logger.warning(
                "verl-reflect: %.0f %% of this step's turns are empty or go on past a chat marker; if that does not "
                "end, look at the transcripts and at verl-reflect doctor's line on the chat template.",
                100 * share,
            )
        if not self._told_of_copies and (copies := sum(map(_all_the_same, groups))):
            self._told_of_copies = True
            logger.warning(
                "verl-reflect: all reflections of a group are the same tokens in %d of %d groups, which teaches "
                "nothing; a seed that sessions share does this, or a temperature near 0, or a collapsed model.",
                copies,
                len(groups),
            )
        return {"reflect/unusable_turns": share}


def _turns(session: Transcript) -> list[Utterance]:
    return [session.attempt, *([session.reflection] if session.reflection else []), *session.retries]


def _all_the_same(sessions: Sequence[Transcript]) -> bool:
    """A group of several reflections, of which none differs from another."""
    written = [session.reflection.token_ids for session in sessions if session.reflection]
    return len(written) > 1 and len(set(written)) == 1 and bool(written[0])
