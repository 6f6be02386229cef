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
from collections.abc import Sequence
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
    step: int
    """The training step: a model of its own."""
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None
    data_source: str
    ground_truth: Any
    extra_info: Any
    own_attempt: bool
    """No other session shares its first attempt."""
    validate: bool
    sampling_params: dict[str, Any]
    stored_attempt: str | None
    stored_attempt_ids: list[int] | None
    stored_reflection: str | None
    stored_reflection_ids: list[int] | None

    @classmethod
    def from_row(cls, row: dict[str, Any], sampling_params: dict[str, Any], *, own_attempt: bool) -> "Session":
        """Read verl's keyword arguments of `AgentLoopBase.run`. Validation always has attempts of its own."""
        validate = bool(row["is_validation"])
        own_attempt = own_attempt or validate
        return cls(
            group=f"{row['uid']}-{row['session_id']}" if own_attempt else row["uid"],
            own_attempt=own_attempt,
            index=int(row.get("index", 0)),
            step=int(row["global_steps"]),
            messages=[dict(message) for message in row["raw_prompt"]],
            tools=json.loads(row["tools"]) if row.get("tools") else None,
            data_source=row["data_source"],
            ground_truth=row["reward_model"]["ground_truth"],
            extra_info=row.get("extra_info"),
            validate=validate,
            sampling_params=sampling_params,
            stored_attempt=row.get("first_attempt"),
            stored_attempt_ids=_ids(row.get("first_attempt_ids")),
            stored_reflection=row.get("reflection"),
            stored_reflection_ids=_ids(row.get("reflection_ids")),
        )

    @property
    def task(self) -> str:
        """The task's last user message, which the retry repeats."""
        return next(str(message["content"]) for message in reversed(self.messages) if message["role"] == "user")


def _ids(column: Sequence[int] | None) -> list[int] | None:
    return None if column is None else [int(token) for token in column]


@dataclass(frozen=True)
class SecondTry:
    """What the model said after its first attempt failed."""

    reflection: Turn | None = None
    retries: tuple[Turn, ...] = ()


class RetryAgentLoop(TurnTakingAgentLoop):
    """Attempts a task and, on failure, a second time. Subclasses say how, and which turns are trained."""

    _judge: ClassVar[Judge]
    _attempts: ClassVar[WeakValueDictionary[str, "asyncio.Task[tuple[Turn, Judgement]]"]] = WeakValueDictionary()
    """First attempts by group. Each session holds on to its own until it ends, and then they are gone."""

    def _prepare_process(self) -> None:
        super()._prepare_process()
        RetryAgentLoop._judge = Judge.from_config(self.config)

    @classmethod
    def close(cls) -> None:
        """End what the loops of this process share. For whoever runs them outside verl's workers, which just end."""
        if TurnTakingAgentLoop._settings is not None:
            RetryAgentLoop._judge.close()
            RetryAgentLoop._attempts.clear()
            TurnTakingAgentLoop._settings = None

    @property
    @abstractmethod
    def trained_turns(self) -> tuple[str, ...]:
        """Of `attempt`, `reflection` and `retry`: those that become training rows."""

    @abstractmethod
    async def second_try(self, session: Session, attempt: Turn) -> SecondTry:
        """Go on after a failed attempt."""

    async def run(  # type: ignore[override]  # verl's V1 trainer also takes a list, its annotation does not say so
        self, sampling_params: dict[str, Any], **row: Any
    ) -> list[AgentLoopOutput]:
        """One session.

        Returns:
            One row for each turn that is trained, all with the session's one reward (verl gives it to each of them);
            none if the first attempt passed and is not trained itself. In validation always at least one row.

        Raises:
            VerifierError: the reward function gave no verdict on the first attempt of a training session.
        """
        started = time.monotonic()
        session = Session.from_row(row, sampling_params, own_attempt="attempt" in self.trained_turns)
        first_attempt = self._first_attempt_of_group(session)
        attempt, verdict = await asyncio.shield(first_attempt)
        second = SecondTry() if verdict.passed else await self.second_try(session, attempt)
        episode = Episode(
            index=session.index,
            data_source=session.data_source,
            task=session.task,
            attempt=attempt.utterance,
            first_try=verdict,
            reflection=second.reflection.utterance if second.reflection else None,
            retries=tuple(retry.utterance for retry in second.retries),
            validate=session.validate,
            own_attempt=session.own_attempt and not self._takes_stored_attempt(session),
        )
        turns = {"attempt": [attempt], "reflection": filter(None, [second.reflection]), "retry": second.retries}
        trained = ("attempt",) if verdict.passed and session.validate else self.trained_turns
        seconds = time.monotonic() - started
        return [training_row(turn, episode, seconds) for name in trained for turn in turns[name]]

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
                self._sampling_params(session, "attempt"),
                server=session.group,
            )
        verdict = await self._judge(
            attempt.utterance.text,
            data_source=session.data_source,
            ground_truth=session.ground_truth,
            extra_info=session.extra_info,
        )
        return attempt, verdict if session.validate else verdict.require_verdict()

    def _takes_stored_attempt(self, session: Session) -> bool:
        return session.stored_attempt is not None and (
            session.validate or self.settings.first_attempt is FirstAttempt.dataset
        )

    def _stored_attempt(self, task: Conversation, session: Session) -> Turn | None:
        if self._takes_stored_attempt(session):
            assert session.stored_attempt is not None
            return self.stored_turn(
                task, session.stored_attempt, session.stored_attempt_ids, self.settings.max_attempt_tokens
            )
        if session.validate or self.settings.first_attempt is FirstAttempt.live:
            return None
        raise ValueError(
            "A training row has no first_attempt; add the column, or set reflect.first_attempt=live to attempt it now."
        )

    def _sampling_params(self, session: Session, turn: str) -> dict[str, Any]:
        """verl's, with log-probabilities for the turns that are trained and for no other."""
        return session.sampling_params if turn in self.trained_turns else {**session.sampling_params, "logprobs": False}

    async def task_again(self, turn: Turn, session: Session) -> Conversation:
        """The user turn before a retry: the task's own words, as in the paper."""
        return await self.user_says(turn, self.settings.retry_prompt.replace("{task}", session.task))

    async def retry(self, session: Session, task_again: Conversation) -> Turn:
        """The model's answer to the task asked again."""
        return await self.model_answers(
            task_again,
            self.settings.max_retry_tokens,
            self._sampling_params(session, "retry"),
            server=session.group,
        )

    async def judge(self, session: Session, answer: Turn) -> Judgement:
        """The verdict on an answer to the session's task."""
        return await self._judge(
            answer.utterance.text,
            data_source=session.data_source,
            ground_truth=session.ground_truth,
            extra_info=session.extra_info,
        )


class ReflectRetryAgentLoop(RetryAgentLoop):
    """The method: the model reflects on its failure, tries again, and the reflection is what is trained.

    Or what else `reflect.credit` names. Where the retry is trained too, it is made even after a reflection that says
    nothing or forges a turn.
    """

    @property
    def trained_turns(self) -> tuple[str, ...]:
        """As `reflect.credit` says."""
        return self.settings.trained_turns

    async def second_try(self, session: Session, attempt: Turn) -> SecondTry:
        """Reflect, then retry `reflect.retries_per_reflection` times."""
        wording = (
            self.settings.reflection_prompt or task_for(session.data_source, self.settings.tasks).reflection_prompt
        )
        reflection = await self.reflect(session, await self.user_says(attempt, wording))
        useless = reflection.utterance.empty or reflection.utterance.forged
        if useless and "retry" not in self.trained_turns:
            return SecondTry(reflection)
        return SecondTry(reflection, await self._retries(session, reflection))

    async def reflect(self, session: Session, request: Conversation) -> Turn:
        """The reflection: here the model's own."""
        return await self.model_answers(
            request,
            self.settings.max_reflection_tokens,
            self._sampling_params(session, "reflection"),
            server=session.group,
        )

    async def _retries(self, session: Session, reflection: Turn) -> tuple[Turn, ...]:
        task_again = await self.task_again(reflection, session)
        retries = (self.retry(session, task_again) for _ in range(self.settings.retries_per_reflection))
        return tuple(await asyncio.gather(*retries))
