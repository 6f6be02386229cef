"""What vLLM's engine is asked, and what is made of its answers, with an engine that only remembers."""

from types import SimpleNamespace
from typing import Any

import pytest

from verl_reflect.cpu.vllm_metadata import known

with known():  # verl looks for vLLM when it is first imported
    from verl_reflect.serving.stepped_vllm import VllmEngine
from verl_reflect.serving.stepping import Question, Reply

GIVEN = {"max_tokens": 8, "temperature": 0.5, "stop_token_ids": [7]}


class Remembering:
    """In the place of vLLM's `LLMEngine`."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[int], Any]] = []

    def add_request(self, request_id: str, prompt: Any, parameters: Any) -> None:
        self.asked.append((request_id, prompt["prompt_token_ids"], parameters))

    def step(self) -> list[Any]:
        answer = SimpleNamespace(token_ids=(5, 6), finish_reason="length")
        return [
            SimpleNamespace(request_id=name, outputs=[answer], finished=place == 0)
            for place, (name, *_) in enumerate(self.asked)
        ]


def asked(prompt: list[int], usual: dict[str, Any] | None = None, **more: Any) -> Any:
    """The sampling parameters of a question."""
    engine = Remembering()
    VllmEngine(engine, 16, usual or {}).add(Question([1], prompt, {**GIVEN, **more}))
    [(_, _, parameters)] = engine.asked
    return parameters


def test_every_answer_is_a_request_of_its_own_and_only_finished_ones_leave() -> None:
    engine = Remembering()
    vllm = VllmEngine(engine, 16, {})
    vllm.add(Question([3, 4], [1, 2], GIVEN))
    assert [(name, prompt) for name, prompt, _ in engine.asked] == [("3", [1, 2]), ("4", [1, 2])]
    assert vllm.step() == [Reply(3, [5, 6], "length")]


def test_the_question_says_how_to_sample_and_the_configuration_says_the_rest() -> None:
    parameters = asked([1], usual={"ignore_eos": True, "temperature": 1.0})
    assert (parameters.temperature, parameters.stop_token_ids, parameters.ignore_eos) == (0.5, [7], True)
    assert parameters.max_tokens == 8 and not parameters.detokenize


@pytest.mark.parametrize("wanted", [True, False])
def test_nobody_pays_for_log_probabilities(wanted: bool) -> None:
    assert asked([1], logprobs=wanted).logprobs is None


def test_an_answer_ends_where_the_model_does() -> None:
    assert asked([1] * 12).max_tokens == 4
    with pytest.raises(ValueError, match=r"a prompt of 16 tokens fills rollout\.max_model_len"):
        asked([1] * 16)
