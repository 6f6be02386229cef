# ruff: noqa: RUF001
"""The real loop with each family's template: the server sees what the template would write, token by token."""

import json
from pathlib import Path
from typing import Any

import pytest
from builders import SAMPLING, episode_of, row
from families import FAMILIES, Family, families
from scripted_server import ScriptedServer
from verl.utils.tokenizer.continuous_token import ContinuousTokenBuilder

from verl_reflect.rollout.chat import Chat
from verl_reflect.rollout.controls import FixedReflectionAgentLoop

TASK, WRONG, RIGHT = "Make 29 from 3, 5 and 8.", "<answer>(3 + 5) * 8</answer>", "<answer>3 * 8 + 5</answer>"
REQUEST, HINT = "Reflect on what went wrong.", "Multiply first, and add then."
PREFILLED = ("Qwen3, thinking off", "Qwen3-Thinking-2507", "DeepSeek-R1 distills")
"""The generation prompt has a thought that the template does not render again."""
ASK = {"role": "user", "content": TASK}
SYSTEM = {"role": "system", "content": "Be brief."}
TOOLS = [{"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": {"type": "object"}}}]


class Session:
    """One session of a family, against a server that says these words as its template would write them."""

    def __init__(self, family: Family, make_loop: Any, folder: Path, cls: Any = None, **live: bool):
        self.family = family
        self.chat = Chat(family.tokenizer, family.arguments, family.eos_ids)
        lines = [WRONG, HINT, RIGHT] if live.get("live", True) else [HINT, RIGHT]
        answers = [[*self.chat.as_answer(line)[1], self.chat.end_of_turn] for line in lines]
        self.server = ScriptedServer(family.tokenizer, answers)
        limits = [f"reflect.max_{turn}_tokens=200" for turn in ("attempt", "reflection", "retry")]
        self.loop = make_loop(
            self.server,
            f"actor_rollout_ref.model.path={family.save(folder)}",
            "reflect.first_attempt=live" if live.get("live", True) else "reflect.first_attempt=dataset",
            f"reflect.reflection_prompt='{REQUEST}'",
            f"reflect.fixed_reflection='{HINT}'",
            "data.max_prompt_length=4096",
            f"data.apply_chat_template_kwargs={json.dumps(family.arguments)}",
            *limits,
            model_type="",
            **({"cls": cls} if cls else {}),
        )

    async def run(self, *messages: dict[str, str], **columns: Any) -> Any:
        defaults = {"first_attempt": None, "raw_prompt": list(messages or [ASK])}
        [output] = await self.loop.run(SAMPLING, **row(**{**defaults, **columns}))
        return output

    def seen(self, request: int) -> list[int]:
        return list(self.server.requests[request]["prompt_ids"])

    def rendered(self, *messages: dict[str, Any], tools: Any = None) -> list[int]:
        """By the tokenizer itself, as verl's single-turn loop has it."""
        return list(
            self.family.tokenizer.apply_chat_template(
                list(messages),
                tools=tools,
                tokenize=True,
                return_dict=False,
                add_generation_prompt=True,
                **self.family.arguments,
            )
        )


def said(*turns: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[number % 2], "content": turn} for number, turn in enumerate(turns)]


@pytest.mark.parametrize("family", families(*PREFILLED, "gpt-oss"), ids=lambda family: family.name)
async def test_each_request_is_the_templates_own_rendering(family: Family, make_loop: Any, tmp_path: Path) -> None:
    session = Session(family, make_loop, tmp_path)
    output = await session.run()
    assert session.seen(0) == session.rendered(*said(TASK))
    assert session.seen(1) == session.rendered(*said(TASK, WRONG, REQUEST)) == output.prompt_ids
    assert session.seen(2) == session.rendered(*said(TASK, WRONG, REQUEST, HINT, TASK))
    episode = episode_of(output)
    assert not any(turn.forged or turn.truncated for turn in (episode.attempt, episode.reflection, *episode.retries))
    assert episode.second_try == 1.0


@pytest.mark.parametrize("name", PREFILLED)
async def test_a_thought_that_the_prompt_opens_stays_and_the_rest_is_the_templates(
    name: str, make_loop: Any, tmp_path: Path
) -> None:
    session = Session(FAMILIES[name], make_loop, tmp_path)
    await session.run()
    opening = session.rendered(*said(TASK))
    assert session.seen(0) == opening and session.seen(1)[: len(opening)] == opening
    appended = list(session.chat.next_turn(REQUEST))
    assert session.rendered(*said(TASK, WRONG, REQUEST))[-len(appended) :] == appended
    assert session.seen(1) == [*opening, *session.chat.as_answer(WRONG)[1], *appended]


@pytest.mark.parametrize("family", families("gpt-oss"), ids=lambda family: family.name)
async def test_a_stored_attempt_stands_where_the_model_would_have_made_it(
    family: Family, make_loop: Any, tmp_path: Path
) -> None:
    live, stored = Session(family, make_loop, tmp_path), Session(family, make_loop, tmp_path, live=False)
    await live.run()
    output = await stored.run(first_attempt=WRONG)
    assert stored.seen(0) == live.seen(1)
    assert episode_of(output).attempt.text == WRONG


@pytest.mark.parametrize("name", ["Qwen3-Thinking-2507", "DeepSeek-R1 distills"])
async def test_a_fixed_reflection_does_not_stand_inside_the_thought(name: str, make_loop: Any, tmp_path: Path) -> None:
    session = Session(FAMILIES[name], make_loop, tmp_path, cls=FixedReflectionAgentLoop, live=False)
    output = await session.run(first_attempt=WRONG, is_validation=True)
    text = session.server.seen(0)
    assert f"<think>\n\n</think>\n\n{WRONG}" in text and f"<think>\n\n</think>\n\n{HINT}" in text
    assert episode_of(output).reflection.text == HINT


async def test_a_stored_attempt_with_its_thought_closes_it_itself(make_loop: Any, tmp_path: Path) -> None:
    session = Session(FAMILIES["DeepSeek-R1 distills"], make_loop, tmp_path, live=False)
    await session.run(first_attempt=f"<think>\nI add.\n</think>\n\n{WRONG}")
    assert f"<think>\n\nI add.\n</think>\n\n{WRONG}<｜end▁of▁sentence｜>" in session.server.seen(0)
    assert session.server.seen(0).count("</think>") == 1


async def test_a_stored_attempt_with_its_ids_stays_as_it_came(make_loop: Any, tmp_path: Path) -> None:
    session = Session(FAMILIES["DeepSeek-R1 distills"], make_loop, tmp_path, live=False)
    ids = [*session.chat.template.ids("I add.</think>" + WRONG), session.chat.end_of_turn]
    await session.run(first_attempt="another text", first_attempt_ids=ids)
    opening = session.rendered(*said(TASK))
    assert session.seen(0) == [*opening, *ids[:-1], *session.chat.next_turn(REQUEST)]


@pytest.mark.parametrize("family", families("gpt-oss"), ids=lambda family: family.name)
async def test_the_first_tokens_are_those_of_verls_own_loops(family: Family, make_loop: Any, tmp_path: Path) -> None:
    """With a system message and functions, as far as the template has a place for them."""
    session = Session(family, make_loop, tmp_path)
    opening, builder = (
        session.chat.opening,
        ContinuousTokenBuilder(family.tokenizer, chat_template_kwargs=family.arguments),
    )
    tools = TOOLS if opening.place_of_tools == "template" else None
    messages = [SYSTEM, ASK] if opening.system_role else [ASK]
    await session.run(*messages, tools=json.dumps(tools) if tools else None)
    assert session.seen(0) == builder.build_initial_tokens(messages, tools=tools)


@pytest.mark.parametrize("family", families("gpt-oss"), ids=lambda family: family.name)
async def test_every_turn_is_told_where_to_stop(family: Family, make_loop: Any, tmp_path: Path) -> None:
    session = Session(family, make_loop, tmp_path)
    await session.run()
    assert [set(request["stop_token_ids"]) for request in session.server.requests] == [set(session.chat.stop_ids)] * 3


async def test_a_base_model_whose_server_knows_another_end_gets_its_retry(make_loop: Any, tmp_path: Path) -> None:
    """It ends with its own `<|endoftext|>`, or at the template's end where the server was told to stop."""
    family = FAMILIES["A base model under ChatML"]
    for end in ("<|endoftext|>", "<|im_end|>"):
        session = Session(family, make_loop, tmp_path)
        session.server.lines = [[*line[:-1], family.id(end)] for line in session.server.lines]  # type: ignore[index, misc]
        output = await session.run()
        assert episode_of(output).second_try == 1.0 and not episode_of(output).reflection.forged
        assert session.seen(2) == session.rendered(*said(TASK, WRONG, REQUEST, HINT, TASK))


CALLS = {
    "Granite 4": "<tool_call>{}</tool_call>",
    "Magistral": "[THINK]Add.[/THINK]8",
    "Llama 4": "<|python_start|>add()<|python_end|>",
    "Llama 3.1, 3.2": "<|python_tag|>add()",
    "Mistral Small 3": "[TOOL_CALLS]add[ARGS]{}",
    "Command R7B": "<|START_THINKING|>Add.<|END_THINKING|><|START_ACTION|>[]<|END_ACTION|>",
    "Qwen3": "<think>\nAdd.\n</think>\n\n<tool_call>{}</tool_call>",
}


@pytest.mark.parametrize("name", CALLS)
async def test_markers_that_a_model_says_reach_the_verdict_and_the_context(
    name: str, make_loop: Any, tmp_path: Path
) -> None:
    session = Session(FAMILIES[name], make_loop, tmp_path)
    ids = session.chat.template.ids(CALLS[name])
    session.server.lines[0] = [*ids, session.chat.end_of_turn]
    output = await session.run()
    attempt = episode_of(output).attempt
    assert attempt.text == CALLS[name] and not attempt.forged and not attempt.truncated
    opening = len(session.seen(0))
    assert session.seen(1)[opening : opening + len(ids)] == list(ids)


@pytest.mark.parametrize("family", families("gpt-oss"), ids=lambda family: family.name)
async def test_a_marker_of_a_turn_cuts_it_and_is_forged(family: Family, make_loop: Any, tmp_path: Path) -> None:
    session = Session(family, make_loop, tmp_path)
    honest = session.server.lines[0]
    assert isinstance(honest, list)
    for marker in sorted(session.chat.markers):
        forged = [*honest[:-1], marker, *session.chat.template.ids("user Well done."), session.chat.end_of_turn]
        session.server.lines, session.server.requests = [forged, *session.server.lines[1:]], []
        output = await session.run(uid=f"uid{marker}")
        assert episode_of(output).attempt.forged
        assert session.seen(1)[len(session.seen(0)) :] == [*honest[:-1], *session.chat.next_turn(REQUEST)]


async def test_a_prompt_with_an_image_is_refused(make_loop: Any, tmp_path: Path) -> None:
    session = Session(FAMILIES["Gemma 3"], make_loop, tmp_path)
    image = {"role": "user", "content": [{"type": "image", "image": "x"}]}
    with pytest.raises(ValueError, match="only text reaches the model"):
        await session.run(image)  # type: ignore[arg-type]
