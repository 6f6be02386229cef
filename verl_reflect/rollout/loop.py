"""The rollout: attempt, verdict, reflection, retry (paper, section 3 and figure 1).

    task ──► first attempt ──► passed? ──yes──► nothing to learn
                                  │no
                                  ▼
             "that was wrong, reflect" ──► reflection ──► the task again ──► retry ──► verdict ──► reward manager
                                           (the row)

Decided here, because the paper leaves it open:

- An empty reflection, or one that goes on past a chat marker, earns no retry and so no reward.
- A reflection or retry cut off at its limit counts as it is; the metrics say how many were.
- A live first attempt that passes is made again, up to `reflect.max_attempts` times; by default a task that passes is
  left at once, because another task is the likelier to fail.
- Validation takes a first attempt for each of its samples; training shares one among the sessions of a group, because a
  GRPO group is G reflections on the *same* failed attempt.
"""

import asyncio
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from verl.experimental.agent_loop.agent_loop import AgentLoopOutput

from verl_reflect.config import FirstAttempt
from verl_reflect.records.transcripts import NOT_GIVEN_AWAY, Episode, Judgement
from verl_reflect.rollout import trace
from verl_reflect.rollout.dialogue import Conversation, Turn, TurnTakingAgentLoop
from verl_reflect.rollout.episode import reflection_request
from verl_reflect.rollout.judge import required
from verl_reflect.rollout.places import Attempt
from verl_reflect.rollout.play import Played
from verl_reflect.rollout.row import training_row
from verl_reflect.rollout.session import Session

TURNS_OF_A_SESSION = 1000
"""More than any has: what keeps the seeds of two sessions apart."""


@dataclass(frozen=True)
class FirstTry:
    """The first attempt that a group shares, and its verdict."""

    attempt: Turn
    verdict: Judgement
    attempts: int = 0
    """Attempts that the model made until one failed, this one included; 0 if the data carry it."""
    tokens: int = 0
    """Tokens of all of these."""
    goes_on: bool = True
    """The step trains on its group, if it failed. False if the step has all the failures that it needs (places.py)."""


@dataclass(frozen=True)
class SecondTry:
    """What the model said after its first attempt failed."""

    reflection: Turn | None = None
    retries: tuple[Turn, ...] = ()


def _by_name(first: FirstTry, second: SecondTry) -> dict[str, Sequence[Turn]]:
    """What the model said, in order."""
    reflections = (second.reflection,) if second.reflection else ()
    return {"attempt": (first.attempt,), "reflection": reflections, "retry": second.retries}


class RetryAgentLoop(TurnTakingAgentLoop):
    """Attempts a task and, on failure, a second time. Subclasses say how, and which turns are trained."""

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
            One row for each turn that is trained, after those that are kept in place, all with the session's one reward
            (verl gives it to each of them); none if the first attempt passed and is not trained itself. In validation
            one row, of the last turn, so that verl's samples of a validation show the session to its end. None
            either if the step needs no more failures than it has.

        Raises:
            VerifierError: the reward function gave no verdict on a try of a training session. In validation that try
                counts as failed, and the metric `verifier_error` is 1.
        """
        started = time.monotonic()
        session = Session.from_row(row, sampling_params, own_attempt="attempt" in self.trained_turns)
        traced = trace.wanted(session)
        first_try = self._first_try_of_group(session)  # held on to until the session ends
        first = await asyncio.shield(first_try)
        if not first.goes_on:
            return []
        second = SecondTry() if first.verdict.passed else await self.second_try(session, first.attempt)
        seconds = time.monotonic() - started
        episode = await self._judged(session, first, second)
        if traced:
            turns = [(name, turn) for name, said in _by_name(first, second).items() for turn in said]
            await trace.write(trace.Trace(self.tokenizer, episode, turns, seconds), session)
        return self._rows(session, first, second, episode, seconds)

    def _first_try_of_group(self, session: Session) -> "asyncio.Task[FirstTry]":
        first_try = self.shared.first_tries.get(session.group)
        if first_try is None:
            first_try = asyncio.create_task(self._first_try(session))
            self.shared.first_tries[session.group] = first_try
        return first_try

    async def _first_try(self, session: Session) -> FirstTry:
        """A group's attempt, and whether the group goes on from there, which it asks once."""
        first = await self._attempted(session)
        if session.usher is None:
            return first
        attempt = Attempt(first.verdict.passed, first.attempts, first.tokens)
        goes_on = await self.shared.usher(session.usher).attempted.remote(session.group, attempt)
        return replace(first, goes_on=goes_on)

    async def _attempted(self, session: Session) -> FirstTry:
        if session.stored_attempt is not None and self._takes_stored_attempt(session):
            task = await self.open(session.messages, session.tools)
            attempt = self.stored_turn(task, session.stored_attempt, self.settings.max_attempt_tokens)
            return FirstTry(attempt, await self.judge(session, attempt))
        if not session.validate and self.settings.first_attempt is FirstAttempt.dataset:
            raise ValueError(
                "A training row has no first_attempt; add the column, or set reflect.first_attempt=live to attempt it "
                "now."
            )
        return await self._live_first_try(session)

    def _takes_stored_attempt(self, session: Session) -> bool:
        source = self.settings.first_attempt
        if self.settings.attempt_loop:
            return False
        still_fresh = source is FirstAttempt.mixed and session.step <= self.settings.stale_after
        return session.validate or source is FirstAttempt.dataset or still_fresh

    async def _live_first_try(self, session: Session) -> FirstTry:
        """Attempt the task until an attempt fails, in training at most `reflect.max_attempts` times."""
        most = 1 if session.own_attempt else self.settings.max_attempts
        attempts: list[Turn] = []
        while True:
            attempt = await self.attempt(session)
            attempts.append(attempt)
            verdict = await self.judge(session, attempt)
            if not verdict.passed or len(attempts) == most:
                return FirstTry(attempt, verdict, len(attempts), sum(made.utterance.tokens for made in attempts))

    async def attempt(self, session: Session) -> Turn:
        """The model's first answer to the task, or what it does in the loop of `reflect.attempt_loop`."""
        limit, params = self.settings.max_attempt_tokens, self._sampling_params(session, "attempt")
        if self.settings.attempt_loop:
            return await self.model_plays(session, None, limit, params)
        task = await self.open(session.messages, session.tools)
        return await self.model_answers(task, limit, params, server=session.group)

    async def task_again(self, turn: Turn, session: Session) -> Conversation:
        """The user turn before a retry: the task's own words, as in the paper."""
        return await self.user_says(turn, self.settings.retry_prompt.replace("{task}", session.task))

    async def retry(self, session: Session, task_again: Conversation) -> Turn:
        """The same of the task asked again."""
        limit, params = self.settings.max_retry_tokens, self._sampling_params(session, "retry")
        if self.settings.attempt_loop:
            return await self.model_plays(session, task_again, limit, params)
        return await self.model_answers(task_again, limit, params, server=session.group)

    def _sampling_params(self, session: Session, turn: str) -> dict[str, Any]:
        """verl's, with log-probabilities for the turns that are trained or kept and for no other.

        With a seed each turn of each session has its own: n reflections on one failure must be n samples.
        """
        in_a_row = not session.validate and (turn in self.trained_turns or turn in self.settings.keep)
        params = session.sampling_params if in_a_row else {**session.sampling_params, "logprobs": False}
        if params.get("seed") is None:
            return params
        return {**params, "seed": params["seed"] + session.number * TURNS_OF_A_SESSION + next(self.turn_numbers)}

    async def judge(self, session: Session, answer: Turn) -> Judgement:
        """The verdict on an answer to the session's task. Raises VerifierError if a training session gets none."""
        played, text = answer.played, answer.utterance.text
        verdict = await (self._judge_played(session, played) if played else self._verdict(session, text))
        return verdict if session.validate else required(verdict)

    async def _judge_played(self, session: Session, attempt: Played) -> Judgement:
        """The environment's verdict, or that on the last answer."""
        if attempt.score is not None:
            return Judgement(attempt.score, attempt.score >= self.settings.success_threshold)
        return await self._verdict(session, self.shared.chat.words(attempt.answer), attempt.remarks)

    async def _verdict(
        self, session: Session, text: str, remarks: Mapping[str, Any] = MappingProxyType({})
    ) -> Judgement:
        return await self.shared.judge(
            text,
            data_source=session.data_source,
            ground_truth=session.ground_truth,
            extra_info={**(session.extra_info or {}), **remarks} if remarks else session.extra_info,
        )

    async def _given_away(self, session: Session, reflection: Turn | None) -> Judgement | None:
        """No verdict on this counts as no, and `verifier_error` says so: it is no reason to lose a session."""
        if not self.shared.judge.looks_at_reflections:
            return None
        if reflection is None or reflection.utterance.empty:
            return NOT_GIVEN_AWAY
        return await self.shared.judge.given_away(
            reflection.utterance.text,
            question=session.task,
            data_source=session.data_source,
            ground_truth=session.ground_truth,
            extra_info=session.extra_info,
        )

    async def _judged(self, session: Session, first: FirstTry, second: SecondTry) -> Episode:
        """The session's record, with the verdicts on its second try."""
        verdicts, given_away = await asyncio.gather(
            asyncio.gather(*(self.judge(session, retry) for retry in second.retries)),
            self._given_away(session, second.reflection),
        )
        return Episode(
            index=session.index,
            data_source=session.data_source,
            task=session.task,
            attempt=first.attempt.utterance,
            first_try=first.verdict,
            reflection=second.reflection.utterance if second.reflection else None,
            retries=tuple(retry.utterance for retry in second.retries),
            retry_verdicts=tuple(verdicts),
            given_away=given_away,
            validate=session.validate,
            own_attempt=session.own_attempt and first.attempts > 0,
            attempts=first.attempts,
            attempts_tokens=first.tokens,
        )

    def _rows(
        self, session: Session, first: FirstTry, second: SecondTry, episode: Episode, seconds: float
    ) -> list[AgentLoopOutput]:
        """See `run`. `seconds` is what the session took to be generated."""
        turns = _by_name(first, second)
        if session.validate:
            last = [turn for said in turns.values() for turn in said][-1]
            return [training_row(last, episode, seconds)]
        rows = [training_row(turn, episode, seconds) for name in self.trained_turns for turn in turns[name]]
        kept = [turn for name in self._kept_turns(session) for turn in turns[name]] if rows else []
        return [*(training_row(turn, episode, seconds, kept=True) for turn in kept), *rows]

    def _kept_turns(self, session: Session) -> tuple[str, ...]:
        """A shared attempt is kept once a group, by its first session."""
        return tuple(name for name in self.settings.keep if name != "attempt" or session.number == 0)


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
        reflection = await self.reflect(session, await self.asked_to_reflect(session, attempt))
        useless = reflection.utterance.empty or reflection.utterance.forged
        if useless and "retry" not in self.trained_turns:
            return SecondTry(reflection)
        task_again = await self.task_again(reflection, session)
        retries = (self.retry(session, task_again) for _ in range(self.settings.retries_per_reflection))
        return SecondTry(reflection, tuple(await asyncio.gather(*retries)))

    async def asked_to_reflect(self, session: Session, attempt: Turn) -> Conversation:
        """The user turn after a failed attempt: one bit of feedback, that it failed."""
        return await self.user_says(attempt, reflection_request(self.settings, session.data_source))

    async def reflect(self, session: Session, request: Conversation) -> Turn:
        """The reflection: here the model's own."""
        return await self.model_answers(
            request,
            self.settings.max_reflection_tokens,
            self._sampling_params(session, "reflection"),
            server=session.group,
        )
