"""What a model server may not return for a turn."""

from collections.abc import Sequence


def refuse_unusable(
    token_ids: Sequence[int],
    stop_reason: str | None,
    log_probs: Sequence[float | None] | None,
    *,
    log_probs_asked: bool,
) -> None:
    """Raise RuntimeError for an answer that the server gave up (vLLM: aborted; SGLang: abort) or left incomplete."""
    if not token_ids:
        raise RuntimeError(f"The server returned no tokens (stop reason: {stop_reason}).")
    if (stop_reason or "").startswith("abort"):
        raise RuntimeError(f"The server gave up a request after {len(token_ids)} tokens (stop reason: {stop_reason}).")
    given = [each for each in log_probs or () if each is not None]
    if log_probs_asked and len(given) != len(token_ids):
        raise RuntimeError(
            f"The server returned {len(given)} log-probabilities for {len(token_ids)} tokens that are to be trained."
        )
