# ruff: noqa: RUF001
"""A turn that comes as text stands after the thought that the generation prompt has opened."""

import pytest

from verl_reflect.rollout.open_thought import closing_of_open_thought, without_opened_thought

OPEN = {
    "<|im_start|>assistant\n<think>\n": "</think>",
    "<｜Assistant｜><think>\n": "</think>",
    "[/INST][THINK]": "[/THINK]",
    "<|CHATBOT_TOKEN|><|START_THINKING|>": "<|END_THINKING|>",
    "assistant\n<|begin_of_thought|>\n": "<|end_of_thought|>",
    "<seed:think>": "</seed:think>",
    "<|turn>model\n<|channel>thought\n": "<channel|>",
    "assistant\n◁think▷": "◁/think▷",
}


@pytest.mark.parametrize(("prompt", "closing"), OPEN.items())
def test_an_open_thought_is_closed_before_the_text(prompt: str, closing: str) -> None:
    assert closing_of_open_thought(prompt, "8 * 3 + 5") == f"\n{closing}\n\n"


@pytest.mark.parametrize(("prompt", "closing"), OPEN.items())
def test_a_text_that_closes_the_thought_itself_stays_as_it_is(prompt: str, closing: str) -> None:
    assert closing_of_open_thought(prompt, f"First 8 * 3.\n{closing}\n\n8 * 3 + 5") == ""


@pytest.mark.parametrize("prompt", ["<|im_start|>assistant\n", "[/INST]", "assistant\n<think>\n\n</think>\n\n", ""])
def test_where_no_thought_is_open_nothing_is_closed(prompt: str) -> None:
    assert closing_of_open_thought(prompt, "8 * 3 + 5") == ""
    assert without_opened_thought(prompt, "<think>8</think>24") == "<think>8</think>24"


def test_a_thought_is_not_opened_twice() -> None:
    assert without_opened_thought("assistant\n<think>\n", "<think>\n8 * 3</think>24") == "\n8 * 3</think>24"
    assert without_opened_thought("assistant\n<think>\n", "8 * 3</think>24") == "8 * 3</think>24"
