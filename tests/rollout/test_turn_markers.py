# ruff: noqa: RUF001
"""Only what opens or ends a turn may end one, in every family, and the server is told where to stop."""

from pathlib import Path

import pytest
from families import FAMILIES, Family, families

from verl_reflect.rollout.chat_template import ChatTemplate
from verl_reflect.rollout.turn_markers import end_of_turn, model_eos_ids, several_messages, stop_ids, turn_markers

SAID = (
    *("<tool_call>", "</tool_call>", "<think>", "</think>", "[THINK]", "[/THINK]", "[TOOL_CALLS]", "[ARGS]"),
    *("<|python_start|>", "<|python_end|>", "<|python_tag|>", "<|tool_call|>", "<|tool|>", "<|START_THINKING|>"),
    *("<|END_THINKING|>", "<|START_ACTION|>", "<|START_RESPONSE|>", "<｜tool▁calls▁begin｜>", "[AVAILABLE_TOOLS]"),
)
"""Markers that are part of what a model says, wherever a family has them."""
ENDS = {
    **{"Qwen3": "<|im_end|>", "Llama 2": "</s>", "Llama 3.1, 3.2": "<|eot_id|>", "Mistral 7B v0.3": "</s>"},
    **{"Gemma 2": "<end_of_turn>", "Phi-3.5": "<|end|>", "Granite 4": "<|end_of_text|>", "GLM-4.5": "<|user|>"},
    **{"DeepSeek-R1 distills": "<｜end▁of▁sentence｜>", "A base model under ChatML": "<|im_end|>"},
}


def template_of(family: Family) -> ChatTemplate:
    return ChatTemplate(family.tokenizer, family.arguments)


def markers_of(family: Family) -> set[str]:
    return set(family.tokenizer.convert_ids_to_tokens(list(turn_markers(template_of(family), family.eos_ids))))


@pytest.mark.parametrize(("name", "end"), ENDS.items())
def test_the_end_of_a_turn_is_read_off_the_template(name: str, end: str) -> None:
    assert end_of_turn(template_of(FAMILIES[name])) == FAMILIES[name].id(end)


@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
def test_what_a_model_says_ends_no_turn(family: Family) -> None:
    assert not markers_of(family) & set(SAID)


@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
def test_no_turn_can_be_forged(family: Family) -> None:
    """Every marker that the template writes between two answers ends a turn, and so does the model's own end."""
    template, markers = template_of(family), markers_of(family)
    written = family.tokenizer.convert_ids_to_tokens(template.next_turn("Again"))
    special = {token for token in written if token in {*family.markers, *family.words}} - set(SAID)
    assert special <= markers and {family.eos, *family.ends} <= markers


@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
def test_the_server_stops_at_the_end_of_a_turn_and_wherever_the_model_ends(family: Family) -> None:
    stops = stop_ids(template_of(family), family.eos_ids)
    assert {end_of_turn(template_of(family)), family.id(family.eos), *family.eos_ids} == set(stops)


def test_a_turn_that_ends_with_ordinary_text_cannot_be_told_apart() -> None:
    tokenizer = FAMILIES["Phi-4"].tokenizer
    plain = "{% for m in messages %}{{ m.role + ': ' + m.content + '\\n' }}{% endfor %}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizer, "chat_template", plain)
        with pytest.raises(ValueError, match="does not end an assistant's turn with a special token"):
            end_of_turn(ChatTemplate(tokenizer))


@pytest.mark.parametrize("family", families("gpt-oss"), ids=lambda family: family.name)
def test_a_turn_is_one_message(family: Family) -> None:
    assert several_messages(template_of(family)) == ""


def test_a_family_whose_turn_is_several_messages_is_told_by_its_ends_or_its_thoughts() -> None:
    family = FAMILIES["gpt-oss"]
    assert several_messages(template_of(family)).startswith("it ends an earlier answer with <|end|> and the last one")
    same_ends = str(family.chat_template).replace("'<|return|>'", "'<|end|>'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(family.tokenizer, "chat_template", same_ends)
        assert several_messages(template_of(family)) == "what the model thinks is a message of its own"


def test_ends_are_those_that_the_models_files_name(tmp_path: Path) -> None:
    family = FAMILIES["Llama 3.1, 3.2"]
    assert model_eos_ids(str(family.save(tmp_path))) == set(family.eos_ids)
    (tmp_path / "generation_config.json").unlink()
    (tmp_path / "config.json").write_text('{"model_type": "llama", "eos_token_id": 5}')
    assert model_eos_ids(str(tmp_path)) == {5}
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    assert model_eos_ids(str(tmp_path)) == set(), "and not the default of transformers' class"
    assert model_eos_ids(str(tmp_path / "nowhere")) == set()


def test_an_end_that_is_an_ordinary_word_ends_nothing() -> None:
    """A configuration may have come with another tokenizer, in which this id was an end."""
    family = FAMILIES["Qwen3"]
    assert 5 not in turn_markers(template_of(family), [5]) and 5 not in stop_ids(template_of(family), [5])
