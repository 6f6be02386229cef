"""The rollout: attempt, verdict, reflection, retry (paper, section 3 and figure 1).

    task ──► first attempt ──► passed? ──yes──► nothing to learn
                                  │no
                                  ▼
             "that was wrong, reflect" ──► reflection ──► the task again ──► retry ──► reward manager
                                           (the row)

Decided here, because the paper leaves it open:

- An empty reflection, or one that goes on past a chat marker, earns no retry and so no reward.
- A reflection or retry cut off at its limit counts as it is; the metrics say how many were.
- Validation takes a first attempt for each of its samples; training shares one among the sessions of a group, because a
  GRPO group is G reflections on the *same* failed attempt.
"""

import asyncio
import json
import time
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar
from weakref import WeakValueDictionary

from verl.experimental.agent_loop.agent_loop import AgentLoopOutput

from verl_reflect.config import FirstAttempt
from verl_reflect.episode import Episode
from verl_reflect.judge import Judge, Judgement
from verl_reflect.row import training_row
from verl_reflect.tasks.registry import task_for
from verl_reflect.turns import Conversation, Turn, TurnTakingAgentLoop


@dataclass(frozen=True)
class Session:
    """One session of a group, as verl hands it to the loop: a data row and where it belongs."""

    group: str
    """The same for all sessions that share a first attempt, and the key that keeps them on one server."""
    index: int
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None
    data_source: str
    ground_truth: Any
    extra_info: Any
    validate: bool
    sampling_params: dict[str, Any]
    stored_attempt: str | None
    stored_attempt_ids: list[int] | None

    @classmethod
    def from_row(cls, row: dict[str, Any], sampling_params: dict[str, Any]) -> "Session":
        """Read verl's keyword arguments of `AgentLoopBase.run`."""
        validate = bool(row["is_validation"])
        ids = row.get("first_attempt_ids")
        return cls(
            group=f"{row['uid']}-{row['session_id']}" if validate else row["uid"],
            index=int(row.get("index", 0)),
            messages=[dict(message) for message in row["raw_prompt"]],
            tools=json.loads(row["tools"]) if row.get("tools") else None,
            data_source=row["data_source"],
            ground_truth=row["reward_model"]["ground_truth"],
            extra_info=row.get("extra_info"),
            validate=validate,
            sampling_params=sampling_params,
            stored_attempt=row.get("first_attempt"),
            stored_attempt_ids=[int(token) for token in ids] if ids is not None else None,
        )

    @property
    def task(self) -> str:
        """The task's last user message, which the retry repeats."""
        return next(str(message["content"]) for message in reversed(self.messages) if message["role"] == "user")


class RetryAgentLoop(TurnTakingAgentLoop):
    """Attempts a task and, on failure, a second time. Subclasses say how."""

    _judge: ClassVar[Judge]
    _attempts: ClassVar[WeakValueDictionary[str, "asyncio.Task[tuple[Turn, Judgement]]"]] = WeakValueDictionary()
    """First attempts by group. Each session holds on to its own until it ends, and then they are gone."""

    def _prepare_process(self) -> None:
        super()._prepare_process()
        RetryAgentLoop._judge = Judge.from_config(self.config)

    async def run(  # type: ignore[override]  # verl's V1 trainer also takes a list, its annotation does not say so
        self, sampling_params: dict[str, Any], **row: Any
    ) -> list[AgentLoopOutput]:
        """One session.

        Returns:
            One training row, or none if the first attempt passed; in validation always one row.

        Raises:
            VerifierError: the reward function gave no verdict on the first attempt of a training session.
        """
        started = time.monotonic()
        session = Session.from_row(row, sampling_params)
        first_attempt = self._first_attempt_of_group(session)
        attempt, verdict = await asyncio.shield(first_attempt)
        if not verdict.passed:
            trained, episode = await self.second_try(session, attempt, verdict)
            return [training_row(trained, episode, time.monotonic() - started)]
        if session.validate:
            episode = Episode(
                session.index, session.data_source, session.task, attempt.utterance, verdict, validate=True
            )
            return [training_row(attempt, episode, time.monotonic() - started)]
        return []

    @abstractmethod
    async def second_try(self, session: Session, attempt: Turn, verdict: Judgement) -> tuple[Turn, Episode]:
        """Go on after a failed attempt. Returns the turn to train and the record of the session."""

    def _first_attempt_of_group(self, session: Session) -> "asyncio.Task[tuple[Turn, Judgement]]":
        attempt = self._attempts.get(session.group)
        if attempt is None:
            attempt = asyncio.create_task(self._first_attempt(session))
            self._attempts[session.group] = attempt
        return attempt

    async def _first_attempt(self, session: Session) -> tuple[Turn, Judgement]:
        task = await self.open(session.messages, session.tools)
        attempt = self._stored_attempt(task, session)
        if attempt is None:
            attempt = await self.model_answers(
                task,
                self.settings.max_attempt_tokens,
                {**session.sampling_params, "logprobs": False},
                server=session.group,
            )
        verdict = await self._judge(
            attempt.utterance.text,
            data_source=session.data_source,
            ground_truth=session.ground_truth,
            extra_info=session.extra_info,
        )
        return attempt, verdict if session.validate else verdict.require_verdict()

    def _stored_attempt(self, task: Conversation, session: Session) -> Turn | None:
        if session.stored_attempt is not None and (
            session.validate or self.settings.first_attempt is FirstAttempt.dataset
        ):
            return self.stored_turn(
                task, session.stored_attempt, session.stored_attempt_ids, self.settings.max_attempt_tokens
            )
        if session.validate or self.settings.first_attempt is FirstAttempt.live:
            return None
        raise ValueError(
            "A training row has no first_attempt; add the column, or set reflect.first_attempt=live to attempt it now."
        )

    async def task_again(self, turn: Turn, session: Session) -> Conversation:
        """The user turn before a retry: the task's own words, as in the paper."""
        return await self.user_says(turn, self.settings.retry_prompt.replace("{task}", session.task))


class ReflectRetryAgentLoop(RetryAgentLoop):
    """The method: the model reflects on its failure, tries again, and the reflection is what is trained."""

    async def second_try(self, session: Session, attempt: Turn, verdict: Judgement) -> tuple[Turn, Episode]:
        """Reflect, then retry `reflect.retries_per_reflection` times."""
        wording = (
            self.settings.reflection_prompt or task_for(session.data_source, self.settings.tasks).reflection_prompt
        )
        request = await self.user_says(attempt, wording)
        reflection = await self.model_answers(
            request, self.settings.max_reflection_tokens, session.sampling_params, server=session.group
        )
        retries = await self._retries(session, reflection)
        return reflection, Episode(
            index=session.index,
            data_source=session.data_source,
            task=session.task,
            attempt=attempt.utterance,
            first_try=verdict,
            reflection=reflection.utterance,
            retries=tuple(retry.utterance for retry in retries),
            validate=session.validate,
        )

    async def _retries(self, session: Session, reflection: Turn) -> list[Turn]:
        if reflection.utterance.empty or reflection.utterance.forged:
            return []
        task_again = await self.task_again(reflection, session)
        sampling_params = {**session.sampling_params, "logprobs": False}
        return await asyncio.gather(
            *(
                self.model_answers(task_again, self.settings.max_retry_tokens, sampling_params, server=session.group)
                for _ in range(self.settings.retries_per_reflection)
            )
        )


class BlindRetryAgentLoop(RetryAgentLoop):
    """The control: the model tries again with no reflection. Is it the reflection, or just the second chance?

    Chosen for a row by its data column `agent_name: blind_retry`, so that one validation measures both on the same
    failures. In training the retry itself is what is trained.
    """

    async def second_try(self, session: Session, attempt: Turn, verdict: Judgement) -> tuple[Turn, Episode]:
        """Retry once, right after the failed attempt."""
        task_again = await self.task_again(attempt, session)
        retry = await self.model_answers(
            task_again, self.settings.max_retry_tokens, session.sampling_params, server=session.group
        )
        return retry, Episode(
            index=session.index,
            data_source=session.data_source,
            task=session.task,
            attempt=attempt.utterance,
            first_try=verdict,
            retries=(retry.utterance,),
            validate=session.validate,
        )
