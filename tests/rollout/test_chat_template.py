"""Templates of different families: where a turn ends, what a marker is, and that a rollout only ever appends."""

from typing import Any

import pytest
from verl.utils.tokenizer.continuous_token_wiring import create_continuous_token_builder

from recipes.tiny_model.tokenizer import build_tokenizer
from verl_reflect.rollout.chat_template import closing_ids, end_of_turn_id, offer_tools, special_ids

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
# As Qwen3's: what an earlier assistant turn thought is dropped when the conversation is rendered again.
THINKING = (
    "{% for m in messages %}"
    "{% set content = m.content.split('</think>')[-1] if m.role == 'assistant' else m.content %}"
    "{{ '<|im_start|>' + m.role + '\\n' + content + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
PLAIN = "{% for m in messages %}{{ m.role + ': ' + m.content + '\\n' }}{% endfor %}"


def tokenizer_with(template: str | None) -> Any:
    tokenizer = build_tokenizer()
    tokenizer.chat_template = template
    return tokenizer


@pytest.mark.parametrize("template", [CHATML, THINKING])
def test_the_end_of_a_turn_is_read_off_the_template(template: str) -> None:
    tokenizer = tokenizer_with(template)
    assert end_of_turn_id(tokenizer) == tokenizer.convert_tokens_to_ids("<|im_end|>")


@pytest.mark.parametrize(
    ("template", "sentence"),
    [(None, "has no chat template"), (PLAIN, "does not end an assistant's turn with a special token")],
)
def test_a_template_that_cannot_work_is_one_sentence(template: str | None, sentence: str) -> None:
    with pytest.raises(ValueError) as error:
        end_of_turn_id(tokenizer_with(template))
    assert sentence in str(error.value)


def test_special_tokens_that_no_map_names_are_markers_too() -> None:
    tokenizer = build_tokenizer()
    header = tokenizer.add_tokens(["<|start_header_id|>"], special_tokens=True)
    assert header == 1
    assert tokenizer.convert_tokens_to_ids("<|start_header_id|>") in special_ids(tokenizer)
    assert tokenizer.convert_tokens_to_ids("<|start_header_id|>") not in tokenizer.all_special_ids


def test_thinking_stays_in_the_context_though_the_template_drops_it() -> None:
    tokenizer = tokenizer_with(THINKING)
    builder = create_continuous_token_builder(tokenizer, hf_model_type="qwen2")
    task = [{"role": "user", "content": "Make 24 from 3 5 8 ."}]
    thought = "<think> 3 * 8 </think> <answer> 3 * 8 </answer>"
    opened = builder.build_initial_tokens(task)
    answered = builder.merge_assistant_tokens(opened, [*tokenizer.encode(thought), end_of_turn_id(tokenizer)]).token_ids
    said = [*task, {"role": "assistant", "content": thought}]
    asked = builder.merge_context_tokens(said, [*said, {"role": "user", "content": "Reflect ."}], answered).token_ids
    assert asked[: len(answered)] == answered, "only appended"
    assert thought in tokenizer.decode(asked)
    again = [*said, {"role": "user", "content": "Reflect ."}]
    assert "<think>" not in tokenizer.apply_chat_template(again, tokenize=False), "rendered anew it would be gone"


@pytest.mark.parametrize("model_type", ["qwen2", "llama", "phi3"])
def test_a_conversation_is_the_templates_own_whatever_builder_verl_takes(model_type: str) -> None:
    """verl's default builder leaves out the line end after ChatML's end of turn; Qwen's adds it."""
    tokenizer = tokenizer_with(CHATML)
    builder = create_continuous_token_builder(tokenizer, hf_model_type=model_type)
    task = [{"role": "user", "content": "Make 24 from 3 5 8 ."}]
    said = [*task, {"role": "assistant", "content": "<answer> 3 * 8 </answer>"}]
    asked = [*said, {"role": "user", "content": "Reflect ."}]
    answer = tokenizer.encode(said[1]["content"], add_special_tokens=False)
    answered = [*builder.build_initial_tokens(task), *answer, *closing_ids(tokenizer, builder)]
    appended = builder.merge_context_tokens(said, asked, answered).token_ids
    rendered = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    assert tokenizer.decode(appended) == rendered


def test_a_marker_before_a_tool_call_does_not_end_the_turn() -> None:
    tokenizer = build_tokenizer()
    tokenizer.add_tokens(["<|python_tag|>", "<|eom_id|>"], special_tokens=True)
    call, end = tokenizer.convert_tokens_to_ids(["<|python_tag|>", "<|eom_id|>"])
    assert end in special_ids(tokenizer) and call not in special_ids(tokenizer)


TOOLS = [{"type": "function", "function": {"name": "add"}}]
ASK = {"role": "user", "content": "Add 1 and 2 ."}


def test_tools_go_through_a_template_that_has_a_place_for_them() -> None:
    tokenizer = tokenizer_with("{% if tools %}{{ tools | tojson }}{% endif %}" + CHATML)
    assert offer_tools(tokenizer, [ASK], TOOLS) == ([ASK], TOOLS)


def test_tools_go_into_the_system_message_otherwise() -> None:
    listing = 'You may call these functions:\n{"type": "function", "function": {"name": "add"}}'
    system = {"role": "system", "content": "Be brief."}
    tokenizer = tokenizer_with(CHATML)
    assert offer_tools(tokenizer, [ASK], TOOLS) == ([{"role": "system", "content": listing}, ASK], None)
    assert offer_tools(tokenizer, [system, ASK], TOOLS) == (
        [{"role": "system", "content": f"Be brief.\n\n{listing}"}, ASK],
        None,
    )
    assert offer_tools(tokenizer, [ASK], None) == ([ASK], None)
