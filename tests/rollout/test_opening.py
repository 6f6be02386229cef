"""How a task's messages and functions are put, family by family."""

import json
from typing import Any

import pytest
from families import FAMILIES, Family, families

from verl_reflect.rollout.chat_template import ChatTemplate
from verl_reflect.rollout.opening import Opening

TOOLS = [{"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": {"type": "object"}}}]
LISTING = f"You may call these functions:\n{json.dumps(TOOLS[0])}"
SYSTEM = {"role": "system", "content": "Be brief."}
ASK = {"role": "user", "content": "Add 1 and 2."}
PLACES = {
    "text": ("Llama 2", "Mixtral", "Gemma 2", "Gemma 3", "Phi-3.5", "Phi-4", "SmolLM2", "OLMo 2", "DeepSeek-V3"),
    "message": ("Phi-4-mini",),
    "template": (
        "Qwen2.5",
        "Qwen3",
        "Llama 3.1, 3.2",
        "Llama 4",
        "Mistral 7B v0.3",
        "Hermes 3",
        "Granite 4",
        "Command R",
    ),
}


def opening_of(name: str) -> Opening:
    return Opening(ChatTemplate(FAMILIES[name].tokenizer, FAMILIES[name].arguments))


@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
@pytest.mark.parametrize("messages", [[ASK], [SYSTEM, ASK]], ids=["plain", "system"])
def test_the_model_of_every_family_reads_all_of_it(family: Family, messages: list[dict[str, Any]]) -> None:
    template = ChatTemplate(family.tokenizer, family.arguments)
    text = template.text(*Opening(template)(messages, TOOLS))
    assert "add" in text and all(message["content"] in text for message in messages)
    text = template.text(*Opening(template)(messages, None))
    assert '"add"' not in text and all(message["content"] in text for message in messages)


@pytest.mark.parametrize(("place", "name"), [(place, name) for place, names in PLACES.items() for name in names])
def test_where_functions_are_shown(place: str, name: str) -> None:
    assert opening_of(name).place_of_tools == place


def test_a_template_that_shows_functions_is_given_them_and_the_messages_stay() -> None:
    assert opening_of("Qwen3")([SYSTEM, ASK], TOOLS) == ([SYSTEM, ASK], TOOLS)


def test_functions_go_into_the_system_message_where_the_template_reads_them_there() -> None:
    functions = json.dumps([TOOLS[0]["function"]])
    opening = opening_of("Phi-4-mini")
    assert opening([SYSTEM, ASK], TOOLS) == ([{**SYSTEM, "tools": functions}, ASK], None)
    assert opening([ASK], TOOLS) == ([{"role": "system", "content": "", "tools": functions}, ASK], None)


def test_functions_are_listed_in_words_otherwise() -> None:
    opening = opening_of("Phi-4")
    assert opening([ASK], TOOLS) == ([{"role": "system", "content": LISTING}, ASK], None)
    assert opening([SYSTEM, ASK], TOOLS) == ([{**SYSTEM, "content": f"Be brief.\n\n{LISTING}"}, ASK], None)
    assert opening([ASK], None) == ([ASK], None) == opening([ASK], [])


@pytest.mark.parametrize("name", ["Gemma 2", "Mistral 7B v0.3"])
def test_without_a_system_role_its_text_goes_in_front_of_the_first_user_turn(name: str) -> None:
    opening = opening_of(name)
    assert not opening.system_role
    earlier = [ASK, {"role": "assistant", "content": "3"}, ASK]
    put, _ = opening([SYSTEM, *earlier], None)
    assert put == [{**ASK, "content": "Be brief.\n\nAdd 1 and 2."}, *earlier[1:]]


def test_functions_without_a_place_and_a_role_go_in_front_too() -> None:
    assert opening_of("Gemma 2")([SYSTEM, ASK], TOOLS) == (
        [{"role": "user", "content": f"Be brief.\n\n{LISTING}\n\nAdd 1 and 2."}],
        None,
    )


def test_the_rows_own_messages_are_not_changed() -> None:
    messages = [dict(SYSTEM), dict(ASK)]
    for name in ("Gemma 2", "Phi-4", "Phi-4-mini"):
        opening_of(name)(messages, TOOLS)
    assert messages == [SYSTEM, ASK]


def test_a_template_that_drops_the_system_message_has_no_such_role() -> None:
    tokenizer = FAMILIES["Phi-4"].tokenizer
    drops = "{% for m in messages if m.role != 'system' %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizer, "chat_template", drops)
        assert not Opening(ChatTemplate(tokenizer)).system_role
