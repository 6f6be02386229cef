"""How much of a conversation the server still had in its prefix cache when the model's next turn began.

All turns of a session go to one server (dialogue.py), which has read or written every token before a turn but for those
that the last user message adds. Only these it would have to read. A server that is not the one, or whose cache is too
small, reads everything again.

A server keeps whole blocks of tokens (vLLM: 16 on a GPU, 128 on a CPU), so short conversations stay below 1 although
nothing is lost. Left out are turns after one that the server did not write (a stored attempt) or that was cut at a
forged marker.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from verl_reflect.records.transcripts import Transcript, Utterance


class Recall(NamedTuple):
    """A turn whose beginning the server has seen."""

    known: int
    """Tokens before it that the server had read or written in this session."""
    cached: int
    """Tokens before it that the server had in its cache; more than `known` where another session had read them."""


def reflections_recalled(sessions: Iterable[Transcript]) -> Iterator[Recall]:
    """Of the reflections, on attempts that the server wrote."""
    for session in sessions:
        if session.reflection:
            yield from _recalled(session.attempt, session.reflection)


def retries_recalled(sessions: Iterable[Transcript]) -> Iterator[Recall]:
    """Of the retries, after the reflection or, without one, after the attempt."""
    for session in sessions:
        for retry in session.retries:
            yield from _recalled(session.reflection or session.attempt, retry)


def share_cached(turns: Iterable[Recall], block: int = 1) -> float | None:
    """Of the known tokens that fill whole blocks, the share that was cached; None if there are no such tokens."""
    fillable = [(turn.known - turn.known % block, turn.cached) for turn in turns]
    known = sum(most for most, _ in fillable)
    return sum(min(most, cached) for most, cached in fillable) / known if known else None


def prefix_cache_metrics(sessions: Iterable[Transcript]) -> dict[str, float]:
    """`reflection_cached` and `retry_cached`, each only where the server says what it had."""
    sessions = list(sessions)
    shares = {
        "reflection_cached": share_cached(reflections_recalled(sessions)),
        "retry_cached": share_cached(retries_recalled(sessions)),
    }
    return {name: share for name, share in shares.items() if share is not None}


def _recalled(before: Utterance, turn: Utterance) -> Iterator[Recall]:
    """Nothing if the server did not say. The last token of a turn is written but not yet read."""
    if before.prompt_tokens is None or before.cached_tokens is None or turn.cached_tokens is None or before.forged:
        return
    yield Recall(before.prompt_tokens + before.tokens - 1, turn.cached_tokens)
