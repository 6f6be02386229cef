"""The controls: the method's rollout with one thing taken away.

*Is it the reflection, or just the second try?* A data column `agent_name` chooses a loop for a row, so that one
validation measures several on the same failures; `reflect.control` and the recipes choose one for all rows (ways.py).
"""

from verl_reflect.rollout.dialogue import Conversation, Turn
from verl_reflect.rollout.loop import ReflectRetryAgentLoop, RetryAgentLoop, SecondTry
from verl_reflect.rollout.session import Session, StoredTurn


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
    """The retry follows a reflection that was not written about this failure. For validation: nothing to learn here.

    Subclasses say which.
    """

    def given(self, session: Session, request: Conversation, reflection: StoredTurn) -> Turn:
        """That reflection, as the answer to this session's request. Raises ValueError in training."""
        if not session.validate:
            raise ValueError(
                "A reflection that the model did not write cannot be trained; use this control in validation."
            )
        return self.stored_turn(request, reflection, self.settings.max_reflection_tokens)


class StoredReflectionAgentLoop(GivenReflectionAgentLoop):
    """What does *this* reflection give? The row carries it (columns `reflection`, and `reflection_ids` to the token).

    With the reflections of a trained model and the untrained one retrying, the cleanest evidence there is that
    reflections became better. `agent_name: stored_reflection`.
    """

    async def reflect(self, session: Session, request: Conversation) -> Turn:
        """The row's reflection. Raises ValueError if it has none."""
        if session.stored_reflection is None:
            raise ValueError("agent_name: stored_reflection needs rows with a column reflection.")
        return self.given(session, request, session.stored_reflection)


class FixedReflectionAgentLoop(GivenReflectionAgentLoop):
    """Does it matter that anything is said? `reflect.fixed_reflection` in place of every reflection.

    `reflect.control=fixed`, or `agent_name: fixed_reflection`.
    """

    async def reflect(self, session: Session, request: Conversation) -> Turn:
        """The fixed sentence."""
        return self.given(session, request, StoredTurn(self.settings.fixed_reflection, None))


class SwappedReflectionAgentLoop(GivenReflectionAgentLoop):
    """Does the content matter? The retry follows what the model says about its failure at another task.

    The row carries that failure (columns `other_prompt`, `other_attempt`, `other_attempt_ids`), so who is given whose
    reflection is decided by the data and not by which session ends first. `agent_name: swapped_reflection`. An
    evaluation needs no such columns: it deals out the reflections that it has (`verl-reflect eval --conditions
    reflect,swapped`).
    """

    async def reflect(self, session: Session, request: Conversation) -> Turn:
        """The model's reflection on the other task. Raises ValueError if the row has none."""
        if session.other_attempt is None:
            raise ValueError("agent_name: swapped_reflection needs rows with columns other_prompt and other_attempt.")
        other_task = await self.open(session.other_messages, session.tools)
        attempt = self.stored_turn(other_task, session.other_attempt, self.settings.max_attempt_tokens)
        own = await super().reflect(session, await self.asked_to_reflect(session, attempt))
        return self.given(session, request, StoredTurn(own.utterance.text, list(own.token_ids)))
