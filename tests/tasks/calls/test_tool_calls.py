"""Finding calls in a response: every family's format, what counts among several, and what is refused."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verl_reflect.tasks.calls.call_text import hermes
from verl_reflect.tasks.calls.tool_calls import BrokenCalls, Call, NotCalls, read_calls
from verl_reflect.tasks.thought import said

F, G = {"name": "f", "arguments": {"a": 1}}, {"name": "g.h", "arguments": {"b": "é; {x}", "c": [True, None]}}
LLAMA_F, LLAMA_G = ({"name": call["name"], "parameters": call["arguments"]} for call in (F, G))
BOTH = [Call("f", {"a": 1}), Call("g.h", {"b": "é; {x}", "c": [True, None]})]


def text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


FORMATS = {
    "Hermes": f"<tool_call>\n{text(F)}\n</tool_call>\n<tool_call>\n{text(G)}\n</tool_call>",
    "Hermes with words between": f"First <tool_call>{text(F)}</tool_call> then <tool_call>{text(G)}</tool_call> done.",
    "Hermes with both in one block": f"<tool_call>{text(F)}\n{text(G)}</tool_call>",
    "Llama, semicolon": f"{text(LLAMA_F)}; {text(LLAMA_G)}",
    "Llama, lines": f"{text(LLAMA_F)}\n{text(LLAMA_G)}\n",
    "Llama after its tag": f"I call both.<|python_tag|>{text(LLAMA_F)};{text(LLAMA_G)}",
    "Mistral, list": f"[TOOL_CALLS]{text([F, G])}",
    "Mistral, list after a blank": f"[TOOL_CALLS] {text([F, G])}",
    "Mistral, names": f"[TOOL_CALLS]f[ARGS]{text(F['arguments'])}[TOOL_CALLS]g.h[ARGS]{text(G['arguments'])}",
    "Mistral, ids": f"[TOOL_CALLS]f[CALL_ID]a1[ARGS]{text(F['arguments'])}[TOOL_CALLS]g.h[ARGS]{text(G['arguments'])}",
    "Phi": f"Sure.<|tool_call|>{text([F, G])}<|/tool_call|>",
    "functools": f"functools{text([F, G])}",
    "xLAM": text([F, G]),
    "indented": json.dumps([F, G], indent=4),
    "fenced JSON": f"The calls:\n```json\n{text([F, G])}\n```\nThat is all.",
    "fence without a language": f"```\n{text([F, G])}\n```",
    "fence on one line": f"```{text([F, G])}```",
    "the last fence": f"```json\n{text([G])}\n```\nNo, rather\n```json\n{text([F, G])}\n```",
    "arguments as JSON text": text(
        [{**F, "arguments": text(F["arguments"])}, {**G, "arguments": text(G["arguments"])}]
    ),
    "more keys": text([{**F, "id": "1", "type": "function"}, G]),
    "after a thought": f"<think>{hermes([('x', {})])} no</think>{text([F, G])}",
    "after the last of two thoughts": f"a</think>{hermes([('x', {})])}</think>\n\n{text([F, G])}",
    "before an open thought": f"{text([F, G])}<think>or {hermes([('x', {})])}",
    "the last kind of marker": f"[TOOL_CALLS]{text([F])} or rather {hermes([BOTH[0]])} and {hermes([BOTH[1]])}",
    "two kinds in turns": f"{hermes([BOTH[0]])} or [TOOL_CALLS]{text([F])} and {hermes([BOTH[1]])}",
    "a marker before a fence": f"{hermes(BOTH)}\n```json\n{text([F])}\n```",
}


@pytest.mark.parametrize("name", FORMATS)
def test_reads_the_calls_of_every_format(name: str) -> None:
    assert read_calls(FORMATS[name]) == BOTH


def test_marks_within_an_argument_of_a_bare_call_are_text() -> None:
    call = Call("write", {"markdown": "```json\n[]\n```", "more": "a; b [x] (y"})
    assert read_calls(text([{"name": call.name, "arguments": call.arguments}])) == [call]


def test_the_same_call_twice_is_two_calls() -> None:
    assert read_calls(hermes([BOTH[0], BOTH[0]])) == [BOTH[0], BOTH[0]]


@pytest.mark.parametrize(
    "response",
    [
        "",
        "There is no function for this.",
        "I call f(a=1).",
        f"The call is {text(F)}",
        f"{text(F)} is the call",
        f"{text(F)}, {text(G)}",
        text(F)[:-1],
        text([F, G])[:-1],
        text(F).replace('"', "'"),
        text([F, 1]),
        text([[F]]),
        text({"a": 1}),
        text({"name": "f"}),
        text({"name": 1, "arguments": {}}),
        text({"arguments": {}}),
        text({"name": "f", "arguments": [1]}),
        text({"name": "f", "arguments": text(text({}))}),
        text({**F, "parameters": {"a": 1}}),
        '{"name": "f", "name": "f", "arguments": {}}',
        '{"name": "f", "arguments": {"a": NaN}}',
        '{"name": "f", "arguments": {"a": 01}}',
        f"```json\n{text([F])}",
        f"```json\n{text([F])}\n``` and ```json\n{text([G])}",
        f"```json\n{text([F])}\n``` or\n```text\nnothing\n```",
        f"<think>{hermes(BOTH)}",
        f"{hermes(BOTH)}</think>",
        text({"name": "f", "arguments": {"a": "x" * 20_000}}),
    ],
)
def test_what_is_not_calls(response: str) -> None:
    with pytest.raises(NotCalls) as caught:
        read_calls(response)
    assert not isinstance(caught.value, BrokenCalls)


@pytest.mark.parametrize(
    "response",
    [
        f"<tool_call>{text(F)}",
        f"{hermes([BOTH[0]])}<tool_call>{text(G)}",
        f"{hermes([BOTH[0]])}<tool_call>{text(G)[:-1]}</tool_call>",
        f"<tool_call>{text(F)}</tool_call><tool_call></tool_call>",
        "<tool_call>[]</tool_call>",
        "<tool_call>f(a=1)</tool_call>",
        f"Use the <tool_call> tag: {hermes([BOTH[0]])}",
        f"<|tool_call|>{text([F])} done",
        f"functools{text([F])} done",
        f"[TOOL_CALLS]{text([F])} done",
        "[TOOL_CALLS]",
        "[TOOL_CALLS]f",
        '[TOOL_CALLS]f[ARGS]{"a": 1} done',
        '[TOOL_CALLS]f[ARGS]{"a": 1}{"a": 1}',
        "[TOOL_CALLS]f[ARGS]",
        "<|python_tag|>",
        "<|python_tag|>f(a=1",
        hermes([BOTH[0]] * 101),
        hermes([("f", {"a": "x" * 20_000})]),
    ],
)
def test_a_marked_call_that_cannot_be_read_is_broken(response: str) -> None:
    with pytest.raises(BrokenCalls):
        read_calls(response)


def test_a_hundred_calls_are_read() -> None:
    assert read_calls(hermes([BOTH[0]] * 100)) == [BOTH[0]] * 100


def test_an_empty_list_is_no_call_made() -> None:
    assert read_calls("[]") == read_calls("```json\n[]\n```") == []


def test_python_is_read_where_nothing_is_marked() -> None:
    calls = "[f(a=1), g.h(b='é; {x}', c=[True, None])]"
    assert read_calls(calls) == read_calls(f"So:\n```python\n{calls}\n```") == BOTH
    assert read_calls(f"{hermes(BOTH)} rather than f(a=1)") == BOTH
    for response in (f"So: {calls}", f"`{calls}`", f"{calls} is it"):
        with pytest.raises(NotCalls):
            read_calls(response)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
CALLS = st.lists(st.tuples(st.from_regex(r"\A[a-z][a-z_.0-9]{0,9}\Z"), st.dictionaries(st.text(), VALUES, max_size=4)))
FENCE = "```"


@settings(max_examples=200, deadline=None)
@given(CALLS.filter(lambda calls: calls and FENCE not in text(calls) and said(text(calls)) == text(calls)))
def test_calls_written_in_any_format_are_read_back(calls: list[tuple[str, dict[str, object]]]) -> None:
    objects = [{"name": name, "arguments": arguments} for name, arguments in calls]
    parameters = [text({"name": name, "parameters": arguments}) for name, arguments in calls]
    for response in (
        hermes(calls),
        text(objects),
        f"```json\n{json.dumps(objects, indent=2)}\n```",
        f"[TOOL_CALLS]{text(objects)}",
        "".join(f"[TOOL_CALLS]{name}[ARGS]{text(arguments)}" for name, arguments in calls),
        f"<|tool_call|>{text(objects)}<|/tool_call|>",
        f"functools{text(objects)}",
        "<|python_tag|>" + "; ".join(parameters),
        "\n".join(parameters),
        text([{"name": name, "arguments": text(arguments)} for name, arguments in calls]),
    ):
        assert read_calls(response) == calls
