# ruff: noqa: RUF001  (DeepSeek's marks are not ASCII)
"""Every family's way to write calls: read back, judged exactly, and its faults seen."""

import json
from typing import Any

import pytest
from call_dialects import DIALECTS, ONE_CALL, Calls
from hypothesis import given, settings
from hypothesis import strategies as st

from verl_reflect.tasks.bfcl import Bfcl
from verl_reflect.tasks.calls.call import NotCalls
from verl_reflect.tasks.calls.dialects.table import DIALECTS as TABLE
from verl_reflect.tasks.calls.tool_calls import read_calls
from verl_reflect.tasks.calls.untyped import Untyped
from verl_reflect.tasks.function_calling import FunctionCalling

TASK = FunctionCalling()
ARGUMENTS: dict[str, Any] = {
    "town": "Zürich 北京",
    "nights": 3,
    "price": -12.5,
    "breakfast": True,
    "pets": False,
    "code": None,
    "notes": "",
    "line": "first\nsecond",
    "guests": [{"name": "Ana", "ages": [1, 2]}, {}],
    "options": {"view": "lake", "floor": {"from": 2}},
}
CALLS: Calls = [("book_room", ARGUMENTS), ("travel.ask_time", {}), ("book_room", {"town": "Bern"})]
MAY_END = {
    "Phi-4-mini": "<|/tool_call|>",
    "Phi-4-mini, plural": "<|/tool_calls|>",
    "DeepSeek V3, R1": "<｜tool▁calls▁end｜>",
    "DeepSeek V3.1": "<｜tool▁calls▁end｜>",
    "Kimi K2": "<|tool_calls_section_end|>",
    "Llama 4, Python": "<|python_end|>",
    "gpt-oss": "<|call|>",
}
"""The last mark of a response, where the model's tokenizer may have taken it for the end of the turn."""
EVERY = {**DIALECTS, **ONE_CALL}


def truth(calls: Calls) -> str:
    return json.dumps({"answers": [{"name": name, "arguments": dict(arguments)} for name, arguments in calls]})


def calls_for(dialect: str) -> Calls:
    return CALLS[:1] if dialect in ONE_CALL else CALLS


@pytest.mark.parametrize("dialect", EVERY)
def test_the_calls_of_every_dialect_pass(dialect: str) -> None:
    calls = calls_for(dialect)
    response = EVERY[dialect](calls)
    assert TASK.judge(response, truth(calls)).detail == ""
    assert TASK.judge(f"<think>Or {response}?</think>\n{response}<|im_end|>\n", truth(calls)).detail == ""
    assert TASK.judge(f"<think>{response}</think>", truth(calls)).category == "format"


@pytest.mark.parametrize("dialect", EVERY)
def test_a_call_without_arguments_passes(dialect: str) -> None:
    calls: Calls = [("ask_time", {})]
    assert TASK.judge(EVERY[dialect](calls), truth(calls)).detail == ""


@pytest.mark.parametrize("dialect", EVERY)
def test_the_calls_of_every_dialect_are_judged_exactly(dialect: str) -> None:
    calls = calls_for(dialect)
    (name, arguments), *others = calls
    for wrong in (
        [(f"{name}_", arguments), *others],
        [*calls, (name, {"town": "Bern"})],
        *([(name, {**arguments, key: "no such"}), *others] for key in arguments),
        *([(name, {k: arguments[k] for k in arguments if k != key}), *others] for key in arguments),
        [(name, {**arguments, "more": 1}), *others],
    ):
        assert TASK.judge(EVERY[dialect](wrong), truth(calls)).score == 0.0
    if others:
        assert TASK.judge(EVERY[dialect](others), truth(calls)).category == "tool"


@pytest.mark.parametrize("dialect", EVERY)
def test_what_is_cut_off_never_passes_and_is_no_abstaining(dialect: str) -> None:
    calls: Calls = [("book_room", {"town": "Bern", "nights": 3})]
    response = EVERY[dialect](calls)
    for length in range(len(response) * 2 // 3, len(response) - 1):
        cut = response[:length]
        if TASK.judge(cut, truth(calls)).score:
            assert response[length:] == MAY_END[dialect], cut
        assert TASK.judge(cut, truth([])).score == 0.0, cut


@pytest.mark.parametrize("dialect", EVERY)
def test_no_dialect_is_abstaining(dialect: str) -> None:
    row = json.dumps({"category": "irrelevance", "functions": [], "possible_answer": []})
    response = EVERY[dialect]([("book_room", {"town": "Bern"})])
    for said in (response, f"Of course! {response}", f"{response}\n\nDone.", f"<think>Hm.</think>\n{response}"):
        assert TASK.judge(said, truth([])).score == 0.0, said
        assert Bfcl().judge(said, row).score == 0.0, said


@pytest.mark.parametrize("dialect", EVERY)
def test_a_call_given_away_is_seen(dialect: str) -> None:
    calls: Calls = [("book_room", {"town": "Bern", "nights": 3})]
    reflection = f"I see my mistake now. I should have said:\n{EVERY[dialect](calls)}"
    assert TASK.gives_away(reflection, truth(calls), "")
    assert not TASK.gives_away(reflection, truth([("book_room", {"town": "Bern", "nights": 4})]), "")


def test_every_row_of_the_table_is_tried_here() -> None:
    written = "\n".join(write([("f", {"a": 1})]) for write in EVERY.values())
    assert [dialect.families for dialect in TABLE if dialect.opening not in written] == []


MARKED = ["Hermes, Qwen", "Qwen3-Coder", "GLM 4.5", "DeepSeek V3.1", "Kimi K2", "Mistral, names", "LFM2", "gpt-oss"]


@pytest.mark.parametrize("dialect", MARKED)
def test_a_mark_within_an_argument_is_its_text(dialect: str) -> None:
    for mark in ("</tool_call>", "<tool_call>", "[TOOL_CALLS]", "<｜tool▁call▁end｜>", "<function=g>", "</parameter>"):
        calls: Calls = [("explain", {"what": f"What does {mark} mean? {mark}"}), ("ask_time", {"town": mark})]
        assert TASK.judge(DIALECTS[dialect](calls), truth(calls)).detail == "", mark


def test_a_value_between_tags_is_what_is_wanted_of_it() -> None:
    write = DIALECTS["Qwen3-Coder"]
    for value, wanted, unwanted in (
        ("3", (3, 3.0, "3"), (4, "3.0", True, [3], None)),
        ("true", (True, "true"), (1, "True", False)),
        ("True", (True, "True"), (1, "true")),
        ("null", (None, "null"), ("", 0, False)),
        ("[1, 2]", ([1, 2], "[1, 2]"), ([2, 1], "[1,2]")),
        ("", ("",), (None, {}, 0)),
        (" x ", (" x ",), ("x",)),
        ("NaN", ("NaN",), (0,)),
    ):
        response = write([("f", {"a": value})])
        for gold in wanted:
            assert TASK.judge(response, truth([("f", {"a": gold})])).score == 1.0, (value, gold)
        for gold in unwanted:
            assert TASK.judge(response, truth([("f", {"a": gold})])).score == 0.0, (value, gold)


def test_the_leaderboards_rules_read_a_value_between_tags_by_its_type() -> None:
    properties = {
        "n": {"type": "integer"},
        "s": {"type": "string"},
        "l": {"type": "array", "items": {"type": "integer"}},
    }
    function = {"name": "f", "parameters": {"properties": properties, "required": ["n", "s", "l"]}}
    row = {
        "category": "simple",
        "functions": [function],
        "possible_answer": [{"f": {"n": [5], "s": ["5"], "l": [[1]]}}],
    }
    write = DIALECTS["GLM 4.5"]
    assert Bfcl().judge(write([("f", {"n": 5, "s": "5", "l": [1]})]), row).detail == ""
    assert Bfcl().judge(write([("f", {"n": 5, "s": "6", "l": [1]})]), row).detail == "s"
    assert Bfcl().judge(write([("f", {"n": 5.0, "s": "5", "l": [1]})]), row).detail == "n"
    assert Bfcl().judge(write([("f", {"n": 5, "s": "5", "l": [2]})]), row).detail == "l"


@pytest.mark.parametrize(
    "response",
    [
        "<tool_call>\n<function=f>\n<parameter=a>\n1\n</function>\n</tool_call>",
        "<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n</tool_call>",
        "<tool_call>\n<function=f>\n<parameter=a>1</parameter>\n<parameter=a>1</parameter>\n</function>\n</tool_call>",
        "<tool_call>\n<function=>\n</function>\n</tool_call>",
        "<function=f><parameter=a>1</parameter>",
        "<tool_call>f\n<arg_key>a</arg_key>\n</tool_call>",
        "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>1\n</tool_call>",
        "<tool_call>f\n<arg_key>a</arg_key><arg_value>1</arg_value><arg_key>a</arg_key><arg_value>1</arg_value></tool_call>",
        "<tool_call>two words</tool_call>",
        '<minimax:tool_call><invoke name="f"><parameter name="a">1</invoke></minimax:tool_call>',
        '<minimax:tool_call><invoke name="f"><parameter name="a">1</parameter></minimax:tool_call>',
        "<start_function_call>call:f{a:<escape>x}<end_function_call>",
        "<start_function_call>call:f{a:1,a:1}<end_function_call>",
        "<start_function_call>call:f{a:[1,2}<end_function_call>",
        f"<start_function_call>call:f{{a:{'[' * 30}{']' * 30}}}<end_function_call>",
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{}",
        "<|tool_call_start|>[f(a=1)]",
        "<|tool_call_start|>[f(1)]<|tool_call_end|>",
        "<|python_tag|>f.call(a=1) and more",
        'functools[{"name": "f", "arguments": {}}',
        'to=functions.f json {"a": 1} more',
        'Action: f\nAction Input: {"a": 1}\nObservation: 5',
        '<tools>{"name": "f"} </tool>',
    ],
)
def test_what_is_broken_is_not_repaired(response: str) -> None:
    with pytest.raises(NotCalls):
        read_calls(response)
    assert TASK.judge(response, truth([])).score == 0.0


@pytest.mark.parametrize(
    "response",
    [
        '{"name": "f", "tool": "g", "arguments": {}}',
        '{"name": "f", "arguments": {}, "args": {}}',
        '{"function": {"name": "f"}}',
        '{"tool_calls": [1]}',
        '{"name": "f", "arguments": "x"}',
    ],
)
def test_objects_that_are_no_calls(response: str) -> None:
    with pytest.raises(NotCalls):
        read_calls(response)


@pytest.mark.parametrize(
    "response",
    [
        '{"name": "f", "arguments": null}',
        '{"name": "f", "arguments": ""}',
        '{"name": "f", "parameters": "{}"}',
        '<tool_call>{"name": "f"}</tool_call>',
        '<tool_call>{"name": "f", "id": "1"}</tool_call>',
        '[TOOL_CALLS][{"name": "f", "arguments": {}}]</s>',
        "f()",
        "[f()]",
    ],
)
def test_no_arguments_may_be_written_in_several_ways(response: str) -> None:
    assert read_calls(response) == [("f", {})]


def test_words_may_stand_around_lines_of_json() -> None:
    call = '{"name": "f", "parameters": {"a": {"b": [1]}}}'
    expected = [("f", {"a": {"b": [1]}})]
    pretty = json.dumps(json.loads(call), indent=2)
    for response in (
        f"Sure!\n\n{call}",
        f"{call}\n\nThat is all.",
        f"Sure:\n{pretty}\nThat is all.",
        f"One:\n[{call}]",
    ):
        assert read_calls(response) == expected
    assert read_calls(f"Both:\n{call}\n{call}") == read_calls(f"Both:\n{call}; {call}") == expected * 2
    assert read_calls(f"First:\n{call}\nthen:\n{call}") == expected * 2
    for response in (f"Sure! {call}", f"Sure:\n{call} is it", f"{call}\nand\n{{1}}", f'{call}\nfrom\n{{"a": 1}}'):
        with pytest.raises(NotCalls):
            read_calls(response)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(EVERY)), st.data())
def test_no_damage_to_a_call_makes_an_error(dialect: str, data: st.DataObject) -> None:
    response = EVERY[dialect]([("f", {"a": "x", "b": [1, {"c": None}]})])
    start, end = sorted(data.draw(st.integers(0, len(response))) for _ in range(2))
    filling = data.draw(st.text(max_size=3) | st.sampled_from(["<tool_call>", "{", "]", "</function>", "`", "\ud800"]))
    damaged = response[:start] + filling + response[end:]
    assert TASK.judge(damaged, truth([("g", {})])).score == 0.0


KEYS = st.from_regex(r"\A[a-z][a-z_0-9]{0,9}\Z")
WORDS = st.text(st.characters(exclude_categories=("C",), exclude_characters="<>`\"'\\[]{}"), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(DIALECTS)),
    st.lists(st.tuples(KEYS, st.dictionaries(KEYS, VALUES, max_size=3)), min_size=1, max_size=4),
)
def test_any_calls_pass_in_every_dialect_and_others_do_not(dialect: str, calls: Calls) -> None:
    response = DIALECTS[dialect](calls)
    assert TASK.judge(response, truth(calls)).detail == ""
    assert TASK.judge(response, truth(calls[1:])).score == 0.0
    assert TASK.judge(response, truth([*calls, calls[0]])).score == 0.0


def test_readings_of_an_untyped_value() -> None:
    assert list(Untyped("3").readings()) == ["3", 3]
    assert list(Untyped("None").readings()) == ["None", None]
    assert list(Untyped("a b").readings()) == ["a b"]
