"""Judges responses with the task's reward function, in a process of its own and under a time limit.

First attempts and retries go through this one class, so they cannot be judged differently. A process, because a thread
cannot be ended and a regular expression holds the GIL: either could stop every other session of the worker. A reward
function that raises or hangs gives no verdict at all, rather than a failure that would then be trained on.
"""

import asyncio
import importlib.util
import inspect
import math
import multiprocessing
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as JudgingTimeoutError
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from pebble import ProcessPool

from verl_reflect.config import ReflectConfig
from verl_reflect.records.transcripts import Judgement

MAX_DETAIL_CHARS = 500
"""Of what a reward function says more; a transcript is no log."""


class VerifierError(RuntimeError):
    """The reward function raised, hung or answered with something that is not a score."""


def required(judgement: Judgement) -> Judgement:
    """A judgement that is a verdict. Raises VerifierError, with the reason, if it is none."""
    if judgement.error:
        raise VerifierError(judgement.error)
    return judgement


def _module_of_file(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class RewardFunction:
    """Where a reward function with verl's `compute_score` signature is found."""

    path: str = "pkg://verl_reflect.reward"
    """As in verl's `reward.custom_reward_function.path`: `pkg://module` or a file."""
    name: str = "compute_score"
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_config(cls, config: DictConfig) -> "RewardFunction":
        """The user's `reward.custom_reward_function` if there is one, else this package's own and `reflect.tasks`."""
        custom = config.reward.custom_reward_function
        if not custom.path:
            return cls(kwargs={"tasks": tuple(config.reflect.tasks)})
        kwargs = OmegaConf.to_container(custom.get("reward_kwargs") or OmegaConf.create({}), resolve=True)
        assert isinstance(kwargs, dict)
        return cls(custom.path, custom.name, {str(key): value for key, value in kwargs.items()})

    @property
    def judges_by_task(self) -> bool:
        """It is this package's own, which leaves the verdict to the row's task."""
        return (self.path, self.name) == (RewardFunction.path, RewardFunction.name)

    def load(self) -> Callable[..., Any]:
        """Import it, with no help from verl: that saves each judging process several seconds and 500 MB.

        Raises:
            ImportError, OSError, AttributeError: there is no such module, file or function.
        """
        if self.path.startswith("pkg://"):
            module = importlib.import_module(self.path.removeprefix("pkg://").replace("/", "."))
        else:
            module = _module_of_file(self.path.removeprefix("file://"))
        return cast("Callable[..., Any]", getattr(module, self.name))

    def load_for_reflections(self) -> Callable[..., Any]:
        """What tells whether a reflection gives the answer away: the row's task, or else this function itself."""
        if not self.judges_by_task:
            return self.load()
        from verl_reflect.reward import gives_away

        return gives_away


_loaded: dict[str, Callable[..., Any]] = {}  # of a judging process


def _load_in_process(function: RewardFunction) -> None:
    _loaded["response"] = function.load()
    _loaded["reflection"] = function.load_for_reflections()


def _score_in_process(what: str, arguments: dict[str, Any]) -> Any:
    return _loaded[what](**arguments)


class Judge:
    """Awaitable judging: `await judge(response, data_source=..., ground_truth=..., extra_info=...)`.

    Args:
        function: The reward function. An `async` one is awaited here instead of in a process of its own.
        success_threshold: Score from which a response passes.
        timeout: Seconds for one response. Past it the judging process is replaced.
    """

    def __init__(self, function: RewardFunction, success_threshold: float, timeout: float):
        self.function = function
        self.success_threshold = success_threshold
        self.timeout = timeout
        # Only a user's function can be async, and only then is it worth importing it here.
        user_function = None if function.judges_by_task else function.load()
        self._coroutine = user_function if inspect.iscoroutinefunction(user_function) else None
        self._pool: ProcessPool | None = None

    @classmethod
    def from_config(cls, config: DictConfig) -> "Judge":
        """The judge of a composed verl configuration."""
        settings = ReflectConfig.from_config(config)
        return cls(RewardFunction.from_config(config), settings.success_threshold, settings.verifier_timeout)

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
        arguments.update(self.function.kwargs)
        try:
            return self._judgement(await self._score(what, arguments))
        except (JudgingTimeoutError, asyncio.TimeoutError):
            return self._no_verdict(f"took longer than reflect.verifier_timeout={self.timeout:g} s")
        except Exception as error:  # whatever a user's function raises, and the death of its process
            return self._no_verdict(f"raised {type(error).__name__}: {error}")

    async def _score(self, what: str, arguments: dict[str, Any]) -> Any:
        if self._coroutine is not None:
            return await asyncio.wait_for(self._coroutine(**arguments), self.timeout)
        future = self._processes().schedule(_score_in_process, args=[what, arguments], timeout=self.timeout)
        return await asyncio.wrap_future(future)

    def _processes(self) -> ProcessPool:
        if self._pool is None:
            # One process judges thousands of responses a second. A fork would copy the locks of Ray's threads.
            self._pool = ProcessPool(
                max_workers=1,
                initializer=_load_in_process,
                initargs=[self.function],
                context=multiprocessing.get_context("spawn"),
            )
        return self._pool

    def _judgement(self, result: Any) -> Judgement:
        details = result if isinstance(result, Mapping) else {"score": result}
        score = float(details["score"])
        if not math.isfinite(score):
            return self._no_verdict(f"returned the score {score}")
        category, detail = (str(details.get(name, "")) for name in ("category", "detail"))
        return Judgement(score, score >= self.success_threshold, category, detail=detail[:MAX_DETAIL_CHARS])

    def _no_verdict(self, what: str) -> Judgement:
        return Judgement(0.0, False, error=f"The reward function {self.function.path}:{self.function.name} {what}.")

    def close(self) -> None:
        """End the judging process."""
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()
            self._pool = None
