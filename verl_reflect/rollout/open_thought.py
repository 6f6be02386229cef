"""Where the generation prompt ends inside a thought: `<think>` is written already, and the model closes it.

A turn that comes from elsewhere as text, such as a stored attempt or the fixed reflection, would stand inside that
thought. The rule: what closes the thought is put before the text, unless the text closes it itself. A turn that comes
as token ids stays as it came: the model that wrote it knew where it was.
"""

import re

from verl_reflect.tasks.thought import said

_MARK = re.compile(r"[<\[◁][^<>\[\]◁▷\s]+[>\]▷]")
_TURNED = (("START", "END"), ("start", "end"), ("begin", "end"))


def closing_of_open_thought(prompt: str, text: str) -> str:
    """What has to stand between a generation prompt and a text that is no thought; "" if nothing has to."""
    if _is_said(prompt) or _is_said(prompt + text):
        return ""
    closings = [closing for mark in _MARK.findall(prompt)[::-1] for closing in _closings_of(mark)]
    closing = next((each for each in (*closings, "<channel|>", "</think>") if _is_said(prompt + each)), "")
    return f"\n{closing}\n\n"


def without_opened_thought(prompt: str, text: str) -> str:
    """The text without the mark that opens its thought, where the prompt has written it already."""
    mark = next(reversed(_MARK.findall(prompt)), "")
    begins = text.lstrip()
    return begins.removeprefix(mark) if mark and not _is_said(prompt) and begins.startswith(mark) else text


def _is_said(prompt: str) -> bool:
    """Whether a word after this would be said, and not only thought."""
    return said(prompt + "\nword").endswith("word")


def _closings_of(mark: str) -> list[str]:
    """`</think>` for `<think>`, `[/THINK]`, `<|END_THINKING|>`, `<|end_of_thought|>`."""
    turned = [mark.replace(start, end) for start, end in _TURNED if start in mark]
    return [*turned, f"{mark[0]}/{mark[1:]}"]
