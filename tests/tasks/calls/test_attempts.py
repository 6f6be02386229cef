"""What looks like an attempt at a call where none is wanted, and what is an honest answer without one."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verl_reflect.tasks.bfcl import Bfcl
from verl_reflect.tasks.function_calling import FunctionCalling

ROW = json.dumps({"category": "live_irrelevance", "functions": [], "possible_answer": []})
OBJECT = '{"name": "book_room", "arguments": {"town": "Bern"}}'
PYTHON = "book_room(town='Bern', nights=2)"


def passes(response: str) -> bool:
    verdicts = {FunctionCalling().judge(response, {"answers": []}).score, Bfcl().judge(response, ROW).score}
    assert len(verdicts) == 1, "the two tasks agree"
    return verdicts == {1.0}


ATTEMPTS = {
    "words before": f"Certainly! {OBJECT}",
    "words behind": f"{OBJECT} should do it",
    "words on other lines": f"Certainly!\n{OBJECT}\nDone.",
    "in a fence": f"```json\n{OBJECT}\n```",
    "in a fence that does not close": f"```json\n{OBJECT}",
    "in a fence before an empty list": f"```json\n{OBJECT}\n```\n```json\n[]\n```",
    "an object that does not close": OBJECT[:-12],
    "cut off early": '{"name": "book_room"',
    "a list cut off early": '{"tool_calls": [{',
    "single quotes": OBJECT.replace('"', "'"),
    "single quotes and words": f"I call {OBJECT}".replace('"', "'"),
    "no quotes around the name": '{name: "book_room", arguments: {"town": "Bern"}}',
    "a wrong list": f"[{OBJECT}, ]",
    "a key twice": '{"name": "f", "arguments": {"a": 1, "a": 1}}',
    "other keys": '{"tool": "book_room", "tool_input": {"town": "Bern"}}',
    "an action": '{"action": "book_room", "action_input": "Bern"}',
    "OpenAI": '{"tool_calls": [{"function": {"name": "book_room", "arguments": "{}"}}]}',
    "Python": PYTHON,
    "Python in a list": f"[{PYTHON}]",
    "Python and words": f"I call {PYTHON} for you.",
    "a list and words": f"Here: [{PYTHON}]",
    "a list that does not close": f"[{PYTHON}",
    "cut off in its first parameter": "hotel.book_room(tow",
    "a list cut off in its first parameter": "[hotel.book_room(town",
    "cut off after its bracket": "book_room(",
    "no arguments": "book_room()",
    "no arguments, in a list and words": "Here: [book_room()]",
    "without keywords": "[book_room('Bern')]",
    "without keywords or brackets": "book_room('Bern', 2)",
    "printed": f"```python\nprint({PYTHON})\n```",
    "tool code": "```tool_code\nbook_room()\n```",
    "a fence of a kind": "```tool_call\nbook_room Bern\n```",
    "a fence of Python": f"```python\n{PYTHON}\n```\nThis books it.",
    "a fence of Python that does not close": f"```python\n{PYTHON}",
    "backticks": f"`{PYTHON}`",
    "a name before its object": 'book_room{"town": "Bern"}',
    "a mark alone": "<tool_call>",
    "a mark of nobody": "<|my_tool_call|>book_room",
    "tags of nobody": "<tool_use><name>book_room</name></tool_use>",
    "a function tag": "<function name='book_room'>",
    "an invoke tag": '<invoke name="book_room">',
    "an unclosed mark of Mistral": "[TOOL_CALLS]book_room",
    "ReAct": "Action: book_room\nAction Input: Bern",
    "in the thought": f"<think>{OBJECT}</think>There is no such function.",
    "marked in the thought": f"<think><tool_call>{OBJECT}</tool_call></think>There is no such function.",
    "in an unclosed thought": f"<think>{OBJECT}",
    "an unclosed thought": "<think>None of them fits, so",
    "an unclosed thought after words": "Let me see. <think>None of them",
    "after a thought": f"<think>Hm.</think>I call {PYTHON}.",
}

ABSTAINING = {
    "nothing": "",
    "blanks": " \n",
    "an empty list": "[]",
    "an empty list in a fence": "```json\n[]\n```",
    "an empty list of xLAM-1": '{"thought": "Nothing fits.", "tool_calls": []}',
    "an empty list of calls": '{"tool_calls": []}',
    "words": "None of the functions fits: I cannot book flights.",
    "a name": "The function book_room is for hotels, not for flights.",
    "a name in code": "`book_room` is for hotels, and `book_room()` takes no airports.",
    "a word for it in code": "No `tool_call` is needed.",
    "a signature": "I only have book_room(town, nights), which books hotels.",
    "a name and words in brackets": "book_room (the only function) does not fit.",
    "mathematics": "P(X=3) is f(2) = 4 and sin(30) = 0.5 (in degrees).",
    "an object": 'A JSON object is {"a": 1}.',
    "an object with a name": 'You could store {"name": "Ana", "age": 3}.',
    "a function call in words": "No function call is needed, nor a tool call.",
    "code": "```python\ndef area(a):\n    return a * 2\n```",
    "code that prints": "```python\nprint('Hello')\n```",
    "a question": "Which town do you mean?",
    "a thought": "<think>book_room(town='Bern') would book a hotel. No.</think>I cannot book flights.",
    "a thought alone": "<think>Nothing fits.</think>",
    "brackets": "See [1] (and the note [2]).",
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_an_attempt_is_not_abstaining(name: str) -> None:
    assert not passes(ATTEMPTS[name])


@pytest.mark.parametrize("name", ABSTAINING)
def test_an_answer_without_a_call_abstains(name: str) -> None:
    assert passes(ABSTAINING[name])


WORDS = st.lists(st.from_regex(r"\A[a-zA-Z]{1,9}[.,?!]?\Z"), max_size=8).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(
    WORDS,
    WORDS,
    st.sampled_from(sorted(name for name in ATTEMPTS if "cut off" not in name and name != "no quotes around the name")),
)
def test_words_around_it_hide_no_attempt(before: str, behind: str, name: str) -> None:
    attempt = ATTEMPTS[name]
    if name in ("no arguments", "without keywords or brackets"):  # amid words these may be a function's name
        attempt = f"[{attempt}]"
    assert not passes(f"{before}\n{attempt}\n{behind}")


@settings(max_examples=200, deadline=None)
@given(WORDS)
def test_words_abstain(words: str) -> None:
    assert passes(words)
    assert passes(f"<think>{words}</think>{words}")
