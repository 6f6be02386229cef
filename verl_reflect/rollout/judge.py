"""Judges responses with the task's reward function, in processes of its own and under a time limit.

First attempts and retries go through this one class, so they cannot be judged differently. Processes, because a thread
cannot be ended, a regular expression holds the GIL, and a reward function may do anything: exit, kill, fork, take all
memory. What it does instead of giving a score is the `error` of its verdict, and no failure that would be trained on.
"""

import asyncio
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import psutil
from omegaconf import DictConfig

from verl_reflect.config import ReflectConfig
from verl_reflect.records.transcripts import Judgement
from verl_reflect.rollout.judging_process import why_not_loaded
from verl_reflect.rollout.reward_function import RewardFunction
from verl_reflect.rollout.verdict import Verdict
from verl_reflect.rollout.verifier_pool import VerifierPool

GIGABYTE = 2**30
LEAST_MEMORY = 4 * GIGABYTE
"""That a judging process may have by default, where the node is small: enough for a small model."""

LOOKS_AT_REFLECTIONS = "answer_in_reflection"
"""The penalty and the metric for which a user's reward function is asked about reflections."""


class VerifierError(RuntimeError):
    """The reward function raised, hung or answered with something that is not a score."""


def required(judgement: Judgement) -> Judgement:
    """A judgement that is a verdict. Raises VerifierError, with the reason, if it is none."""
    if judgement.error:
        raise VerifierError(judgement.error)
    return judgement


class Judge:
    """Awaitable judging: `await judge(response, data_source=..., ground_truth=..., extra_info=...)`.

    Args:
        function: The reward function. An `async` one judges many responses at once in a process.
        success_threshold: Score from which a response passes.
        timeout: Seconds for one response, from when it begins to be judged. Past it the judging process is replaced.
        processes: Judging processes at most; they are started as they are needed.
        memory: Bytes that each of them may have.
        looks_at_reflections: `given_away` is worth asking.
    """

    def __init__(
        self,
        function: RewardFunction,
        success_threshold: float,
        timeout: float,
        processes: int = 1,
        memory: int = LEAST_MEMORY,
        looks_at_reflections: bool = True,
    ):
        self.function = function
        self.success_threshold = success_threshold
        self.looks_at_reflections = looks_at_reflections
        self._pool = VerifierPool(function, timeout, processes, memory)

    @classmethod
    def from_config(cls, config: DictConfig) -> "Judge":
        """The judge of a composed verl configuration."""
        settings, function = ReflectConfig.from_config(config), RewardFunction.from_config(config)
        return cls(
            function,
            settings.success_threshold,
            settings.verifier_timeout,
            processes_of_a_worker(config, settings),
            memory_of_a_process(settings),
            function.judges_by_task or LOOKS_AT_REFLECTIONS in settings.watched,
        )

    async def __call__(self, response: str, *, data_source: str, ground_truth: Any, extra_info: Any) -> Judgement:
        """Judge one response. Never raises for what the reward function does: see `Judgement.error`."""
        arguments = dict(
            data_source=data_source, solution_str=response, ground_truth=ground_truth, extra_info=extra_info
        )
        return await self._judged("response", arguments)

    async def given_away(
        self, reflection: str, *, question: str, data_source: str, ground_truth: Any, extra_info: Any
    ) -> Judgement:
        """Judge whether a reflection states the answer itself: passed if it does.

        The row's task says so (`Task.gives_away`). A user's reward function is asked whether it accepts the reflection
        as a response. Under the same time limit, and apart from the retry, whose verdict a reflection cannot spoil.
        """
        arguments = dict(
            data_source=data_source, solution_str=reflection, ground_truth=ground_truth, extra_info=extra_info
        )
        if self.function.judges_by_task:
            arguments["question"] = question
        return await self._judged("reflection", arguments)

    async def _judged(self, what: str, arguments: dict[str, Any]) -> Judgement:
        """`what` is `response` or `reflection`."""
        return self._judgement(await self._pool(what, {**arguments, **self.function.kwargs}))

    def _judgement(self, verdict: Verdict) -> Judgement:
        if verdict.error:
            return Judgement(0.0, False, error=f"The reward function {self.function} {verdict.error}.")
        passed = verdict.score >= self.success_threshold
        return Judgement(verdict.score, passed, verdict.category, detail=verdict.detail)

    def close(self) -> None:
        """End the judging processes."""
        self._pool.close()


def processes_of_a_worker(config: DictConfig, settings: ReflectConfig) -> int:
    """Of `reflect.verifier_processes` those of one agent-loop worker: verl spreads the workers evenly over nodes."""
    workers = math.ceil(config.actor_rollout_ref.rollout.agent.num_workers / config.trainer.nnodes)
    return max(1, processes_of_a_node(settings) // workers)


def processes_of_a_node(settings: ReflectConfig) -> int:
    """`reflect.verifier_processes`, or as many as this process may use cores."""
    return settings.verifier_processes or len(os.sched_getaffinity(0))


def memory_of_a_process(settings: ReflectConfig) -> int:
    """Bytes: `reflect.verifier_memory`, or its part of half of the node's memory, and at least LEAST_MEMORY."""
    if settings.verifier_memory is not None:
        return int(settings.verifier_memory * GIGABYTE)
    return max(LEAST_MEMORY, psutil.virtual_memory().total // 2 // processes_of_a_node(settings))


def why_unloadable(config: DictConfig, settings: ReflectConfig) -> str:
    """Why the configuration's reward function, or a task of the user's, cannot be loaded; empty if it can.

    It is imported in a process of its own, so that nothing is lost if it exits.
    """
    function = RewardFunction.from_config(config)
    return why_not_loaded(function, settings.verifier_timeout, memory_of_a_process(settings))


def fault(verdict: Judgement) -> str:
    """Why there is no verdict: in a task's own words where it finds the row malformed. Empty if there is one."""
    return verdict.error.partition(f"{RewardFunction()} raised ValueError: ")[2] or verdict.error


def judgements(config: DictConfig, answered: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Judgement]:
    """The configuration's verdicts on responses to data rows, for who runs no event loop."""

    async def verdict(response: str, row: Mapping[str, Any]) -> Judgement:
        return await judge(
            response,
            data_source=row["data_source"],
            ground_truth=row["reward_model"]["ground_truth"],
            extra_info=row.get("extra_info"),
        )

    async def judged() -> list[Judgement]:
        return list(await asyncio.gather(*(verdict(*each) for each in answered)))

    with closing(Judge.from_config(config)) as judge:
        return asyncio.run(judged())
