# ruff: noqa: RUF001  (DeepSeek's mark is not ASCII)
"""Finds the function calls in a response, in the formats of the model families that verl trains.

`dialects.table` has the formats with marks, `bare_calls` those without. What counts:

- What is said: nothing of a thought (`tasks.thought`).
- Marked calls where there are any, and of several kinds of marks the last.
- Nothing is repaired. One call that cannot be read, a block without its end, a key named twice: no verdict can say
  what was meant, so the response holds no calls. Arguments may be JSON within a string, as OpenAI's interface has them.

Neither verl's tool parsers (`verl.experimental.agent_loop.tool_parser`) nor vLLM's are used here: they need a
tokenizer, import Ray or torch into every reward worker, know one format each, and pass over a call that they cannot
read, so that one right call and one broken one would count as right. The tests compare with vLLM's.
"""

from verl_reflect.tasks.calls.bare_calls import last_fence, read_bare_calls, read_whole
from verl_reflect.tasks.calls.call import BrokenCalls, Call, NotCalls
from verl_reflect.tasks.calls.dialects.table import openings_in
from verl_reflect.tasks.calls.marked_calls import MAX_CALLS, read_marked_calls
from verl_reflect.tasks.calls.python_calls import looks_like_python_calls
from verl_reflect.tasks.thought import said

__all__ = ["BrokenCalls", "Call", "NotCalls", "read_calls"]

_ENDS_OF_TURN = (
    "</s>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end|>",
    "<|eot|>",
    "<|return|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|observation|>",
    "<end_of_turn>",
    "<｜end▁of▁sentence｜>",
)
"""Special tokens that an engine may leave at the end of what it decodes."""


def read_calls(response: str) -> list[Call]:
    """The calls in a response; an empty list is one the model wrote as `[]`.

    Raises:
        NotCalls: there are none; BrokenCalls: there is a marker of one, but it cannot be read.
    """
    return read_said_calls(said(response))


def read_said_calls(text: str) -> list[Call]:
    """As `read_calls`, of what stands after the thought."""
    calls = _read(without_end_of_turn(text))
    if len(calls) > MAX_CALLS:
        raise NotCalls("too many calls")
    return calls


def without_end_of_turn(text: str) -> str:
    text = text.strip()
    while text.endswith(_ENDS_OF_TURN):
        text = text[: max(text.rfind("<"), 0)].rstrip()
    return text


def _read(text: str) -> list[Call]:
    calls = _around_marks(text) or read_marked_calls(text)
    return read_bare_calls(text) if calls is None else calls


def _around_marks(text: str) -> list[Call] | None:
    """The calls of a text, or of its last fence, whose arguments may hold marks; None where it is not made of calls."""
    inside, around = (text, "") if _starts_like_calls(text) else last_fence(text)
    if inside is None or openings_in(around):
        return None
    try:
        return read_whole(inside)
    except NotCalls:
        return None


def _starts_like_calls(text: str) -> bool:
    return text.startswith(("{", "[{")) or looks_like_python_calls(text)
