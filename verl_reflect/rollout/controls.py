"""The controls: the method's rollout with one thing taken away.

*Is it the reflection, or just the second try?* A data column `agent_name` chooses a loop for a row, so that one
validation measures several on the same failures; `reflect.control` and the recipes choose one for all rows.
"""

import asyncio
from collections import deque
from typing import ClassVar

from verl_reflect.rollout.dialogue import Conversation, Turn
from verl_reflect.rollout.loop import ReflectRetryAgentLoop, RetryAgentLoop, SecondTry, Session

POLL_SECONDS = 0.02


class BlindRetryAgentLoop(RetryAgentLoop):
    """The model tries again with no reflection: is it the reflection, or just the second chance?

    `+recipe=blind_retry_grpo` trains such retries. `agent_name: blind_retry`.
    """

    trained_turns = ("retry",)

    async def second_try(self, session: Session, attempt: Turn) -> SecondTry:
        """Retry once, right after the failed attempt."""
        return SecondTry(retries=(await self.retry(session, await self.task_again(attempt, session)),))


class FirstTryAgentLoop(RetryAgentLoop):
    """Plain GRPO on first attempts: the same tasks, verdicts and rewards, and no second try (`+recipe=grpo`)."""

    trained_turns = ("attempt",)

    async def second_try(self, session: Session, attempt: Turn) -> SecondTry:
        """There is none."""
        return SecondTry()


class GivenReflectionAgentLoop(ReflectRetryAgentLoop):
    """The retry follows a reflection that the model did not write here. For validation: it is not the model's to learn.

    Subclasses say whose it is.
    """

    def given(self, session: Session, request: Conversation, text: str, token_ids: list[int] | None) -> Turn:
        """That reflection, as the answer to this session's request. Raises ValueError in training."""
        if not session.validate:
            raise ValueError(
                "A reflection that the model did not write cannot be trained; use this control in validation."
            )
        return self.stored_turn(request, text, token_ids, self.settings.max_reflection_tokens)


class StoredReflectionAgentLoop(GivenReflectionAgentLoop):
    """What does *this* reflection give? The row carries it (columns `reflection`, and `reflection_ids` to the token).

    With the reflections of a trained model and the untrained one retrying, the cleanest evidence there is that
    reflections became better. `agent_name: stored_reflection`.
    """

    async def reflect(self, session: Session, request: Conversation) -> Turn:
        """The row's reflection. Raises ValueError if it has none."""
        if session.stored_reflection is None:
            raise ValueError("agent_name: stored_reflection needs rows with a column reflection.")
        return self.given(session, request, session.stored_reflection, session.stored_reflection_ids)


class FixedReflectionAgentLoop(GivenReflectionAgentLoop):
    """Does it matter that anything is said? `reflect.fixed_reflection` in place of every reflection.

    `reflect.control=fixed`, or `agent_name: fixed_reflection`.
    """

    async def reflect(self, session: Session, request: Conversation) -> Turn:
        """The fixed sentence."""
        return self.given(session, request, self.settings.fixed_reflection, None)


class SwappedReflectionAgentLoop(GivenReflectionAgentLoop):
    """Does the content matter? The retry follows what the model wrote about another task of the same data source.

    Each session writes its own reflection and takes the latest one that was written, in its worker process, about a
    different task. The first session waits for the second. `reflect.control=swapped`, or `agent_name:
    swapped_reflection`.
    """

    _latest: ClassVar[deque[tuple[Session, Turn]]] = deque(maxlen=256)
    """Reflections and whose they are, the newest first. Samples of one task can be many in a row."""

    async def reflect(self, session: Session, request: Conversation) -> Turn:
        """Another task's reflection.

        Raises:
            TimeoutError: none was written within `reflect.generation_timeout`.
        """
        own = await super().reflect(session, request)
        self._latest.appendleft((session, own))
        other = await asyncio.wait_for(self._others(session), self.settings.generation_timeout)
        return self.given(session, request, other.utterance.text, list(other.token_ids))

    async def _others(self, session: Session) -> Turn:
        while True:
            for writer, reflection in self._latest:
                same_model, same_data = writer.step == session.step, writer.data_source == session.data_source
                if same_model and same_data and writer.task != session.task:
                    return reflection
            await asyncio.sleep(POLL_SECONDS)
