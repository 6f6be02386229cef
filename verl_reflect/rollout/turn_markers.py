"""Which tokens open or end a turn in a chat template. Nothing else may end one.

A tokenizer has many special tokens that are part of what a model says: `<tool_call>`, `<think>`, `[THINK]`,
`<|python_start|>`. So markers are not looked up in a list: they are what the template itself writes between one turn's
words and the next one's, with the ends that the model's own files name.
"""

import json
from collections.abc import Container, Iterable, Sequence
from itertools import takewhile
from os.path import expanduser
from pathlib import Path
from typing import Any

from transformers.utils.hub import cached_file

from verl_reflect.rollout.chat_template import ANSWER, TASK, ChatTemplate, assistant, system, user
from verl_reflect.tasks.thought import said

SYSTEM, THOUGHT = "The system qzs", "The thought qzt"


def end_of_turn(template: ChatTemplate) -> int:
    """The token that ends an assistant's turn: `<|im_end|>`, `</s>`, or where there is none the next turn's opening.

    Raises:
        ValueError: there is no chat template, or it ends a turn with ordinary text.
    """
    ids = template.ids(template.pieces.between)
    markers = _markers_of(template)
    text = list(takewhile(lambda token: token not in markers, ids))
    if len(text) == len(ids) or template.tokenizer.decode(text).strip():
        raise ValueError(
            "The chat template does not end an assistant's turn with a special token, so turns cannot be told apart; "
            "set actor_rollout_ref.model.custom_chat_template to one that does."
        )
    return ids[len(text)]


def turn_markers(template: ChatTemplate, eos_ids: Iterable[int] = ()) -> frozenset[int]:
    """Tokens at which a turn of the model is over.

    Args:
        eos_ids: What ends an answer according to the model's own files.

    Raises:
        ValueError: as of `end_of_turn`.
    """
    end_of_turn(template)
    header, between, opening = (template.ids(piece) for piece in template.pieces)
    pairs = zip(header, opening, strict=False)
    # The part of an assistant's header that the model finds written. What else may stand there is for it to write.
    common = [one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    around = {*common, *between, *template.ids(_before_system(template)), *template.ids(template.after_last_answer)}
    return frozenset(
        (around & _markers_of(template)) | _ends(template, eos_ids) | _beginning_and_padding(template.tokenizer)
    )


def stop_ids(template: ChatTemplate, eos_ids: Iterable[int] = ()) -> tuple[int, ...]:
    """Tokens at which the server is to stop: the end of a turn, and whatever ends an answer for the model."""
    return tuple(sorted({end_of_turn(template)} | _ends(template, eos_ids)))


def before_marker(token_ids: Sequence[int], markers: Container[int]) -> tuple[int, ...]:
    """The ids before the first marker: what the model says in its turn."""
    return tuple(takewhile(lambda token: token not in markers, token_ids))


def several_messages(template: ChatTemplate) -> str:
    """Why a turn of this family may be several messages, each of which ends as a turn does; "" if it is not so."""
    end = end_of_turn(template)
    markers = _markers_of(template)
    last = next((token for token in template.ids(template.after_last_answer) if token in markers), end)
    if last != end:
        names = template.tokenizer.convert_ids_to_tokens([end, last])
        return f"it ends an earlier answer with {names[0]} and the last one with {names[1]}"
    thinking = {**assistant(ANSWER), "reasoning_content": THOUGHT, "thinking": THOUGHT}
    rendered = template.text([user(TASK), thinking], model_is_next=False)
    thought, answer = rendered.find(THOUGHT), rendered.find(ANSWER)
    apart = -1 < thought < answer and end in template.ids(rendered[thought:answer])
    return "what the model thinks is a message of its own" if apart else ""


def model_eos_ids(path: str) -> frozenset[int]:
    """The ids that end an answer according to `generation_config.json` and `config.json`, as far as these say so.

    What they leave open has a default in transformers, which is another model's.

    Args:
        path: The model's folder, here or on HDFS, or its name. Nothing is known of one that cannot be read.
    """
    from verl.utils.fs import copy_to_local

    local = copy_to_local(expanduser(path))
    named = [_eos_of(local, file) for file in ("generation_config.json", "config.json")]
    return frozenset(token for eos in named for token in (eos if isinstance(eos, list) else [eos]) if token is not None)


def _eos_of(path: str, file: str) -> Any:
    try:
        found = cached_file(path, file)
        return json.loads(Path(str(found)).read_text(encoding="utf-8")).get("eos_token_id")
    except (OSError, ValueError):
        return None


def _markers_of(template: ChatTemplate) -> frozenset[int]:
    """Added tokens that look like markers. Some families, such as DeepSeek's, do not call theirs special."""
    added = template.tokenizer.added_tokens_decoder
    return frozenset(
        index
        for index, token in added.items()
        if (token.special or _in_brackets(token.content)) and not _of_a_thought(token.content)
    )


def _in_brackets(content: str) -> bool:
    return len(content) > 2 and not content[0].isalnum() and not content[-1].isalnum() and content == content.strip()


def _of_a_thought(content: str) -> bool:
    return said(f"a{content}b") != f"a{content}b"


def _before_system(template: ChatTemplate) -> str:
    """What opens a system turn. Nothing where the template has no such role."""
    try:
        rendered = template.text([system(SYSTEM), user(TASK)])
    except Exception:  # templates raise errors of every kind
        return ""
    return rendered.partition(SYSTEM)[0] if SYSTEM in rendered else ""


def _ends(template: ChatTemplate, eos_ids: Iterable[int]) -> set[int]:
    """What ends an answer according to the tokenizer and the model's files, where it is a marker and no word."""
    return {template.tokenizer.eos_token_id, *eos_ids} & _markers_of(template)


def _beginning_and_padding(tokenizer: Any) -> set[int]:
    added = tokenizer.added_tokens_decoder
    return {
        index for index in (tokenizer.bos_token_id, tokenizer.pad_token_id) if index in added and added[index].special
    }
