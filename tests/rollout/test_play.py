"""Attempts of many turns by verl's own tool loop: what the server sees, what is judged, what fails a session."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from builders import SAMPLING, episode_of, row
from families import FAMILIES
from scripted_server import ScriptedServer
from verl.experimental.agent_loop.agent_loop import (
    AgentLoopBase,
    AgentLoopMetrics,
    AgentLoopOutput,
    ToolListWrap,
    register,
)
from verl.tools.function_tool import FunctionTool
from verl.tools.schemas import OpenAIFunctionToolSchema

from verl_reflect.rollout.chat import Chat
from verl_reflect.rollout.loop import ReflectRetryAgentLoop

TASK, WRONG, RIGHT = "Make 29 from 3, 5 and 8.", "<answer>(3 + 5) * 8</answer>", "<answer>3 * 8 + 5</answer>"
REQUEST, HINT = "Reflect on what went wrong.", "Multiply first, and add then."
SCHEMA = {
    "type": "function",
    "function": {
        "name": "times",
        "description": "Multiplies.",
        "parameters": {
            "type": "object",
            "properties": {
                "a": {"type": "integer", "description": "One."},
                "b": {"type": "integer", "description": "Other."},
            },
            "required": ["a", "b"],
        },
    },
}


def call(**arguments: int) -> str:
    return f"<tool_call>\n{json.dumps({'name': 'times', 'arguments': arguments})}\n</tool_call>"


class Session:
    """One session of Qwen2.5 whose attempts verl's tool loop plays, with a tool, on a scripted server."""

    def __init__(
        self, make_loop: Any, folder: Path, *lines: str, tool: Any = None, loop: str = "tool_agent", more: Any = ()
    ):
        self.family = FAMILIES["Qwen2.5"]
        self.chat = Chat(self.family.tokenizer)
        self.server = ScriptedServer(
            self.family.tokenizer, [[*self.chat.as_answer(line)[1], self.chat.end_of_turn] for line in lines]
        )
        self.asked: list[dict[str, int]] = []
        self.loop: ReflectRetryAgentLoop = make_loop(
            self.server,
            f"actor_rollout_ref.model.path={self.family.save(folder)}",
            "actor_rollout_ref.rollout.multi_turn.format=hermes",
            f"reflect.attempt_loop={loop}",
            "reflect.first_attempt=live",
            f"reflect.reflection_prompt='{REQUEST}'",
            "data.max_prompt_length=4096",
            *(f"reflect.max_{turn}_tokens=600" for turn in ("attempt", "reflection", "retry")),
            *more,
        )
        times = FunctionTool("times", tool or self.times, OpenAIFunctionToolSchema.model_validate(SCHEMA))
        self.loop.made_with["tools"] = ToolListWrap([times])

    def times(self, a: int, b: int) -> str:
        self.asked.append({"a": a, "b": b})
        return str(a * b)

    async def run(self, **columns: Any) -> Any:
        defaults = {"first_attempt": None, "raw_prompt": [{"role": "user", "content": TASK}]}
        return await self.loop.run(SAMPLING, **row(**{**defaults, **columns}))

    def seen(self, request: int) -> list[int]:
        return list(self.server.requests[request]["prompt_ids"])

    def answered(self, request: int) -> list[int]:
        line = self.server.lines[request]
        assert isinstance(line, list)
        return [*self.seen(request), *line]


LINES = (call(a=8, b=8), WRONG, HINT, call(a=3, b=8), RIGHT)


async def test_attempt_and_retry_are_played_and_the_reflection_is_trained(make_loop: Any, tmp_path: Path) -> None:
    session = Session(make_loop, tmp_path, *LINES)
    [output] = await session.run()
    assert session.asked == [{"a": 8, "b": 8}, {"a": 3, "b": 8}]
    episode = episode_of(output)
    assert (episode.first_try.passed, episode.second_try) == (False, 1.0)
    assert episode.reflection is not None and episode.reflection.text == HINT
    assert "tool\n64<|im_end|>" in episode.attempt.text and episode.attempt.text.endswith(WRONG)
    assert output.prompt_ids == session.seen(2)
    assert output.response_ids == session.server.lines[2] and set(output.response_mask) == {1}


async def test_the_token_stream_only_grows(make_loop: Any, tmp_path: Path) -> None:
    """To the last question, in the retry, each is what was asked and answered before and something more."""
    session = Session(make_loop, tmp_path, *LINES)
    await session.run()
    for request in range(len(LINES) - 1):
        before = session.answered(request)
        assert session.seen(request + 1)[: len(before)] == before
    asked = [each["server"] for each in session.server.requests]
    assert len(set(asked)) == 1, "all on one server, for its cache"


async def test_the_reflection_is_asked_for_as_the_template_would(make_loop: Any, tmp_path: Path) -> None:
    session = Session(make_loop, tmp_path, *LINES)
    await session.run()
    assert session.seen(2) == [*session.answered(1)[:-1], *session.chat.next_turn(REQUEST)]
    assert session.seen(3) == [*session.answered(2)[:-1], *session.chat.next_turn(TASK)]


async def test_a_first_attempt_that_passes_teaches_nothing(make_loop: Any, tmp_path: Path) -> None:
    session = Session(make_loop, tmp_path, call(a=3, b=8), RIGHT)
    assert await session.run() == []


async def test_all_that_is_said_in_an_attempt_counts_toward_its_limit(make_loop: Any, tmp_path: Path) -> None:
    session = Session(make_loop, tmp_path, *LINES)
    await session.run()
    used = len(session.seen(1)) - len(session.seen(0))
    assert [each["max_tokens"] for each in session.server.requests[:2]] == [600, 600 - used]


async def test_an_attempt_that_is_over_before_it_answers_failed(make_loop: Any, tmp_path: Path) -> None:
    """verl's loop leaves out a tool's answer that does not fit."""
    session = Session(make_loop, tmp_path, call(a=3, b=8), HINT, RIGHT)
    limit = len(session.server.lines[0]) + 5  # type: ignore[arg-type]
    session.loop.settings.max_attempt_tokens = limit
    [output] = await session.run()
    episode = episode_of(output)
    assert episode.attempt.tokens <= limit and not episode.first_try.passed and episode.second_try == 1.0


async def test_a_tool_that_raises_has_answered(make_loop: Any, tmp_path: Path) -> None:
    def times(a: int, b: int) -> str:
        raise ValueError("too large")

    session = Session(make_loop, tmp_path, *LINES, tool=times)
    [output] = await session.run()
    assert "Error executing tool 'times': too large" in episode_of(output).attempt.text


@pytest.mark.parametrize("error", [ConnectionError("no route"), TimeoutError("slow"), OSError("no space")])
async def test_a_tool_that_cannot_be_reached_fails_the_session(error: OSError, make_loop: Any, tmp_path: Path) -> None:
    def times(a: int, b: int) -> str:
        raise error

    session = Session(make_loop, tmp_path, *LINES, tool=times)
    with pytest.raises(type(error), match=str(error)):
        await session.run()


async def test_a_tool_that_hangs_fails_the_session(make_loop: Any, tmp_path: Path) -> None:
    async def times(a: int, b: int) -> str:
        await asyncio.sleep(60)
        return ""

    session = Session(make_loop, tmp_path, *LINES, more=["reflect.generation_timeout=0.5"])
    session.loop.made_with["tools"].tools[0] = FunctionTool(
        "times", times, OpenAIFunctionToolSchema.model_validate(SCHEMA), is_async=True
    )
    with pytest.raises(TimeoutError):
        await session.run()


async def test_a_task_too_long_is_refused_and_not_cut(make_loop: Any, tmp_path: Path) -> None:
    session = Session(make_loop, tmp_path, *LINES, more=["data.max_prompt_length=50"])
    with pytest.raises(ValueError, match=r"its tools included, is longer than data\.max_prompt_length=50"):
        await session.run()


@register("lock_for_test")
class Lock(AgentLoopBase):
    """An environment: a guess a turn, and it says how many figures are right. It opens at 29."""

    scores = True
    forgets = False

    async def run(self, sampling_params: dict[str, Any], **columns: Any) -> AgentLoopOutput:
        opening = await self.ct_build_initial_tokens(list(columns["raw_prompt"]))
        ids, mask, opened = list(opening), list[int](), False
        for _ in range(2):
            output = await self.server_manager.generate(request_id="x", prompt_ids=ids, sampling_params=sampling_params)
            opened = "29" in self.tokenizer.decode(output.token_ids)
            feedback = self.tokenizer.encode("\n<|im_start|>user\nopen\n" if opened else "\n<|im_start|>user\nshut\n")
            ids, mask = (
                [*ids, *output.token_ids, *feedback],
                [*mask, *[1] * len(output.token_ids), *[0] * len(feedback)],
            )
            if opened:
                break
            if self.forgets:
                ids = ids[1:]
        return AgentLoopOutput(
            prompt_ids=opening,
            response_ids=ids[len(opening) :],
            response_mask=mask,
            reward_score=float(opened) if self.scores else None,
            num_turns=2,
            metrics=AgentLoopMetrics(),
        )


async def test_a_loop_of_ones_own_judges_by_its_environment(make_loop: Any, tmp_path: Path) -> None:
    session = Session(make_loop, tmp_path, "17", "18", HINT, "27", "29", loop="lock_for_test")
    [output] = await session.run()
    episode = episode_of(output)
    assert (episode.first_try.passed, episode.second_try) == (False, 1.0)
    assert episode.attempt.text.count("shut") == 2 and "open" in episode.retries[0].text


async def test_a_loop_that_forgets_fails_the_session(
    make_loop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lock, "forgets", True)
    session = Session(make_loop, tmp_path, "17", "18", loop="lock_for_test")
    with pytest.raises(ValueError, match="use one that only appends"):
        await session.run()
