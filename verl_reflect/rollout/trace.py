"""Traces of sessions, for `actor_rollout_ref.rollout.trace` (weave, mlflow, trackio).

verl's own worker opens a trace for each session, but its V1 trainer switches all of them off. So ours are written when
a session has ended: one trace, with a span for each turn and each verdict, in order.

    session ─┬─ attempt ── verdict
             ├─ reflection
             └─ retry ── verdict

A group's shared attempt is in the trace of each of its sessions. Spans hold the conversation and the answer as text,
and numbers. Token ids are in them only with `trace.token2text`, when verl puts beside them what they decode to.
"""

import asyncio
import contextvars
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from verl.utils.rollout_trace import RolloutTraceConfig, rollout_trace_attr, rollout_trace_op

from verl_reflect.records.transcripts import Episode, Judgement
from verl_reflect.rollout.dialogue import Turn
from verl_reflect.rollout.session import Session

logger = logging.getLogger(__name__)

_outside = contextvars.Context()
_chosen: set[tuple[int, bool, str]] = set()


def write_in(context: contextvars.Context) -> None:
    """Write traces in this context from now on: in a session's own, verl has switched them off."""
    global _outside
    _outside = context


def wanted(session: Session) -> bool:
    """Whether a session that begins now is to be traced.

    As verl counts `trace.max_samples_per_step_per_worker`: groups with all of their sessions. verl draws them from a
    batch; here they are the first that begin in a step, which does not depend on how they end.
    """
    if RolloutTraceConfig.get_backend() is None:
        return False
    limit = RolloutTraceConfig.get_instance().max_samples_per_step_per_worker
    if limit is None:
        return True
    step = (session.step, session.validate)
    _chosen.intersection_update([each for each in _chosen if each[:2] == step])
    group = (*step, session.group.removesuffix(f"-{session.number}"))
    if len(_chosen) < limit:
        _chosen.add(group)
    return group in _chosen


@dataclass(frozen=True)
class Span:
    """A turn and its verdict, as one span each. verl calls a span by the name of the method."""

    tokenizer: Any
    """verl decodes with it."""
    turn: Turn
    judgement: Judgement | None = None

    @rollout_trace_op
    async def attempt(self, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The first attempt at these messages."""
        return self._said()

    @rollout_trace_op
    async def reflection(self, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The reflection."""
        return self._said()

    @rollout_trace_op
    async def retry(self, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """A retry."""
        return self._said()

    @rollout_trace_op
    async def verdict(self, response: str) -> dict[str, Any]:
        """What the reward function says of a response."""
        assert self.judgement is not None
        return asdict(self.judgement)

    def _said(self) -> dict[str, Any]:
        said = self.turn.utterance
        prompt_ids = list(self.turn.conversation.token_ids)
        ids = {"prompt_ids": prompt_ids, "response_ids": list(self.turn.token_ids)}
        return {
            "response_text": said.text,
            "prompt_tokens": len(prompt_ids),
            "tokens": said.tokens,
            "truncated": said.truncated,
            "forged": said.forged,
            **(ids if RolloutTraceConfig.enable_token2text() else {}),
        }


WRITERS = {"attempt": Span.attempt, "reflection": Span.reflection, "retry": Span.retry}


@dataclass(frozen=True)
class Trace:
    """A session that has ended.

    Args:
        turns: By name, in order: `attempt`, `reflection`, `retry`.
    """

    tokenizer: Any
    episode: Episode
    turns: Sequence[tuple[str, Turn]]
    seconds: float

    @rollout_trace_op
    async def session(self, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The whole conversation."""
        verdicts = self._verdicts()
        for name, turn in self.turns:
            span = Span(self.tokenizer, turn, None if name == "reflection" else next(verdicts))
            await WRITERS[name](span, messages=list(turn.conversation.messages))
            if span.judgement:
                await span.verdict(response=turn.utterance.text)
        return {
            "response_text": self.turns[-1][1].utterance.text,
            "data_source": self.episode.data_source,
            "first_try": self.episode.first_try.passed,
            "second_try": self.episode.second_try,
            "attempts": self.episode.attempts,
            "seconds": self.seconds,
        }

    def _verdicts(self) -> Iterator[Judgement]:
        return iter((self.episode.first_try, *self.episode.retry_verdicts))


async def write(trace: Trace, session: Session) -> None:
    """Write it. A tracker that fails costs a trace and a warning, never a session."""
    try:
        await _outside.copy().run(asyncio.ensure_future, _written(trace, session))
    except Exception as error:  # of whichever tracker
        logger.warning("The trace of a session was not written: %s: %s", type(error).__name__, error)


async def _written(trace: Trace, session: Session) -> None:
    with rollout_trace_attr(
        sample_index=session.index,
        step=session.step,
        rollout_n=session.number,
        name="session",
        validate=session.validate,
    ):
        await trace.session(messages=list(trace.turns[-1][1].conversation.messages))
