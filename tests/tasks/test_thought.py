"""What a response says once its thought is over: every family's marks, broken ones, and floods of them."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verl_reflect.tasks.thought import SEARCHED_CHARS, said

PAIRS = {
    "DeepSeek, Qwen": ("<think>", "</think>"),
    "in capitals": ("<THINK>", "</Think>"),
    "with blanks": ("< think >", "</ think >"),
    "thinking": ("<thinking>", "</thinking>"),
    "EXAONE": ("<thought>", "</thought>"),
    "thoughts": ("<thoughts>", "</thoughts>"),
    "reasoning": ("<reasoning>", "</reasoning>"),
    "scratchpad": ("<scratchpad>", "</scratchpad>"),
    "Seed": ("<seed:think>", "</seed:think>"),
    "MiniMax": ("<mm:think>", "</mm:think>"),
    "LongCat": ("<longcat_think>", "</longcat_think>"),
    "Magistral": ("[THINK]", "[/THINK]"),
    "Kimi": ("◁think▷", "◁/think▷"),
    "OpenThinker": ("<|begin_of_thought|>", "<|end_of_thought|>"),
    "Command": ("<|START_THINKING|>", "<|END_THINKING|>"),
    "with bars": ("<|think|>", "<|/think|>"),
    "Gemma": ("<|channel>thought\n", "<channel|>"),
    "MedGemma": ("<unused94>thought\n", "<unused95>"),
    "Granite": ("Here is my thought process:", "Here is my response:"),
    "Granite, shorter": ("Here's my thought process:", "Here's my response:"),
    "gpt-oss": ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    "gpt-oss without special tokens": ("analysisWe see: ", "assistantfinal"),
}
THOUGHT = "perhaps \\boxed{3}?\nNo, <answer>4</answer>, or [5] < 6."


@pytest.mark.parametrize("family", PAIRS)
def test_what_stands_after_the_thought_is_said(family: str) -> None:
    opening, closing = PAIRS[family]
    assert said(f"{opening}{THOUGHT}{closing}It is 9.") == "It is 9."


@pytest.mark.parametrize("family", PAIRS)
def test_a_thought_that_never_closes_says_nothing(family: str) -> None:
    assert said(PAIRS[family][0] + THOUGHT) == ""


@pytest.mark.parametrize("family", PAIRS)
def test_a_thought_and_nothing_after_it_says_nothing(family: str) -> None:
    opening, closing = PAIRS[family]
    assert said(opening + THOUGHT + closing) == ""


@pytest.mark.parametrize("family", [name for name in PAIRS if not name.startswith(("gpt-oss", "Granite"))])
def test_the_prompt_may_have_opened_the_thought(family: str) -> None:
    assert said(f"{THOUGHT}{PAIRS[family][1]}It is 9.") == "It is 9."


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("", ""),
        ("I think it is 9.", "I think it is 9."),
        ("analysis of both gives 9", "analysis of both gives 9"),
        ("<b>9</b> [9] < 9", "<b>9</b> [9] < 9"),
        ("<think>a</think>b<think>c</think>d", "d"),
        ("a</think>b</think>c", "c"),
        ("<think>a <think> b</think>c", "c"),
        ("<think>a</think>b<think>c", "b"),
        ("a<think>b", "a"),
        ("a<think>b</think>c", "c"),
        ("<think>a</thinking>b", "b"),
        ("<think>a</answer>b", ""),
        ("<thinker>a", "<thinker>a"),
        ("<|channel|>final<|message|>9", "9"),
        ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>analysis<|message|>b", ""),
        (
            "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>commentary to=functions.f<|message|>{}",
            "<|channel|>commentary to=functions.f<|message|>{}",
        ),
        ("analysisWe add.assistantcommentary to=functions.f json{}", "commentary to=functions.f json{}"),
        ("analysisWe add.", ""),
    ],
)
def test_which_of_several_marks_count(response: str, expected: str) -> None:
    assert said(response) == expected


def test_a_thought_longer_than_what_is_searched_is_one_still() -> None:
    long = "word " * (SEARCHED_CHARS // 4)
    assert said(f"<think>{long}\\boxed{{4}}") == ""
    assert said(f"<think>{long}</think>\\boxed{{4}}") == "\\boxed{4}"


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([mark for pair in PAIRS.values() for mark in pair] + ["a", " ", "<", "4"]), max_size=8))
def test_what_is_said_is_said_however_often_it_is_asked(parts: list[str]) -> None:
    text = "".join(parts)
    assert said(text) in text
    assert said(f"<think>{text}</think>4") == "4"


MEGABYTE = 1_000_000
FLOODS = [mark for pair in PAIRS.values() for mark in pair] + [
    "<",
    "</",
    "< ",
    "<|",
    "[",
    "[/THINK",
    "◁",
    "Here is my ",
]


@pytest.mark.parametrize("mark", FLOODS)
def test_a_flood_of_marks_takes_five_milliseconds(mark: str) -> None:
    for flood in (mark * (MEGABYTE // len(mark)), "<|channel|>" + mark * (MEGABYTE // len(mark))):
        assert _fastest(flood) < 0.005


def _fastest(text: str) -> float:
    seconds = []
    for _ in range(10):
        start = time.perf_counter()
        said(text)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def test_a_flood_hides_no_thought_that_opened_at_the_start() -> None:
    assert said("<think>" + "<" * 100_000 + "\\boxed{4}") == ""
