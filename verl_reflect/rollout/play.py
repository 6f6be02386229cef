"""Attempts of many turns, played by any agent loop that verl knows by its name (`reflect.attempt_loop`).

    the loop asks for          its opening           + all that was said since
    the server is asked for    conversation so far   + all that was said since

An agent loop of verl's begins at the task. So that it can retry after a failed attempt and a reflection on it, and
needs to know of neither, it speaks to the server through a `Continuation`: that puts the conversation so far in place
of the loop's own opening. Both end where the model is to answer, and ids are only ever appended.

Decided here, because the paper's attempts are one answer long:

- What is judged is the model's last answer in the attempt; or the loop's own `reward_score`, if it gives one, which is
  its environment's verdict.
- The limit of an attempt or a retry holds for all that is said in it, tools and environment included.
- A tool that raises an error has answered the model: verl's `tool_agent` shows it. But a tool that could not be reached
  (`OSError`, of which a time limit is one) has not, and the session fails.
"""

import asyncio
import copy
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, open_dict
from verl.experimental.agent_loop.agent_loop import (
    AgentLoopBase,
    AgentLoopOutput,
    DictConfigWrap,
    ToolListWrap,
    _agent_loop_registry,
)
from verl.tools.function_tool import FunctionTool
from verl.workers.rollout.replica import TokenOutput

from verl_reflect.rollout.server_answer import refuse_unusable

REMARKS = ("turn_scores", "tool_rewards")
"""What verl's loops note of their environments, for the reward function."""


@dataclass(frozen=True)
class Limits:
    """Of one attempt."""

    prompt: int
    """Tokens of the task."""
    attempt: int
    """Tokens of all that is said in it."""
    seconds: float


@dataclass(frozen=True)
class Played:
    """What a loop has made of an attempt."""

    opening: tuple[int, ...]
    """The ids of the task, as the loop put it."""
    said: tuple[int, ...]
    """Those of all that came after it, the model's and the environment's."""
    answer: tuple[int, ...]
    """The model's last, with which `said` ends; empty if it ends with something else."""
    score: float | None
    """The environment's verdict, if it gives one."""
    remarks: dict[str, Any]
    """See REMARKS."""


class Continuation:
    """verl's client for a loop that begins at the task, in the midst of a conversation.

    Args:
        server: verl's client.
        key: The same for all requests of a group, so that they reach one server.
        so_far: Ids of the conversation that stand in the place of the loop's opening; None to take the opening.
        stop_ids: Where a turn ends.
    """

    def __init__(
        self, server: Any, key: str, so_far: tuple[int, ...] | None, stop_ids: tuple[int, ...], limits: Limits
    ):
        self._server, self._key, self._so_far, self._stop_ids = server, key, so_far, stop_ids
        self._limits = limits
        self.opening: tuple[int, ...] | None = None
        self._said: tuple[int, ...] = ()

    async def generate(
        self, request_id: str, *, prompt_ids: list[int], sampling_params: Mapping[str, Any], **others: Any
    ) -> TokenOutput:
        """The model's answer, as verl's client gives it.

        Raises:
            ValueError: the task is too long, or the loop does not go on from what it asked before.
            RuntimeError: the server gave up the request.
        """
        opening = self._opened(tuple(prompt_ids))
        since = prompt_ids[len(opening) :]
        stops = {*self._stop_ids, *(sampling_params.get("stop_token_ids") or ())}
        limits = {"max_tokens": max(1, self._limits.attempt - len(since)), "stop_token_ids": sorted(stops)}
        output: TokenOutput = await self._server.generate(
            request_id=self._key,
            prompt_ids=[*(opening if self._so_far is None else self._so_far), *since],
            sampling_params={**sampling_params, **limits},
            **others,
        )
        refuse_unusable(output.token_ids, output.stop_reason, None, log_probs_asked=False)
        self._said = (*since, *output.token_ids)
        return output

    def agrees(self, said: tuple[int, ...]) -> bool:
        """What a loop says was said after the opening begins as the model has seen and written it."""
        both = min(len(said), len(self._said))
        return said[:both] == self._said[:both]

    def _opened(self, prompt_ids: tuple[int, ...]) -> tuple[int, ...]:
        if self.opening is None:
            if len(prompt_ids) > self._limits.prompt:
                raise ValueError(
                    f"A task of {len(prompt_ids)} tokens, its tools included, is longer than data.max_prompt_length="
                    f"{self._limits.prompt}; raise it."
                )
            self.opening = prompt_ids
        if prompt_ids[: len(self.opening)] != self.opening:
            raise ValueError(
                "The loop of reflect.attempt_loop has changed the beginning of its conversation, which cannot be "
                "continued after a reflection; use one that only appends."
            )
        return self.opening


class Player:
    """Plays attempts with one agent loop.

    Args:
        name: The loop's, as verl knows it.
        made_with: The arguments that verl has made our own loop with.
    """

    def __init__(self, name: str, made_with: Mapping[str, Any]):
        self._name, self._made_with = name, made_with

    async def play(
        self, row: Mapping[str, Any], sampling_params: dict[str, Any], server: Continuation, config: DictConfig
    ) -> AgentLoopOutput:
        """Play one attempt.

        Args:
            row: As verl hands it to an agent loop.
            config: The run's, with the limits of this attempt (`with_limits`).

        Raises:
            OSError: a tool could not be reached.
            Exception: whatever else the loop raises.
        """
        tools = WatchedTools(self._made_with.get("tools"))
        loop: AgentLoopBase = instantiate(
            _agent_loop_registry[self._name],
            **{
                **self._made_with,
                "trainer_config": DictConfigWrap(config),
                "server_manager": server,
                "tools": ToolListWrap(tools.watched),
            },
        )
        output = await loop.run(sampling_params, **row)
        if tools.unreached:
            raise tools.unreached[0]
        return output


class WatchedTools:
    """Copies of a loop's tools that note which errors were not the model's doing.

    Attributes:
        watched: The copies, which share their state with the tools.
        unreached: Errors of tools that could not be reached.
    """

    def __init__(self, tools: ToolListWrap | None):
        self.unreached: list[OSError] = []
        self.watched = [self._copied(tool) for tool in (tools.tools if tools else [])]

    def _copied(self, tool: Any) -> Any:
        copied = copy.copy(tool)
        if isinstance(tool, FunctionTool):
            copied.call = self._noting(tool.call)
        else:
            copied.execute = self._noting(tool.execute)
        return copied

    def _noting(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def noted(*args: Any, **kwargs: Any) -> Any:
            try:
                return await call(*args, **kwargs)
            except OSError as error:
                self.unreached.append(error)
                raise

        return noted


def with_limits(config: DictConfig, limits: Limits) -> DictConfig:
    """The configuration as the loop is to see it: the attempt's limit is the response's, and no task is cut."""
    changed = copy.deepcopy(config)
    with open_dict(changed):
        changed.actor_rollout_ref.rollout.response_length = limits.attempt
        changed.actor_rollout_ref.rollout.prompt_length = 2**31  # verl would cut it from the left
    return changed


async def played(
    player: Player,
    row: Mapping[str, Any],
    sampling_params: dict[str, Any],
    server: Continuation,
    config: DictConfig,
    limits: Limits,
) -> Played:
    """One attempt.

    Raises:
        TimeoutError: it took longer than `reflect.generation_timeout`.
        RuntimeError: the loop never asked the model.
        ValueError: its tokens are not those that the model saw and wrote.
    """
    output = await asyncio.wait_for(player.play(row, sampling_params, server, config), limits.seconds)
    if server.opening is None:
        raise RuntimeError("The loop of reflect.attempt_loop ended without a question to the model.")
    said = tuple(output.response_ids)
    if not server.agrees(said):
        raise ValueError("The loop of reflect.attempt_loop returned other tokens than it showed to the model.")
    own = len(said) - next((n for n, mine in enumerate(reversed(output.response_mask)) if not mine), len(said))
    remarks = {name: output.extra_fields[name] for name in REMARKS if name in output.extra_fields}
    return Played(server.opening, said, said[own:], output.reward_score, remarks)
