"""What the loop must know of a chat template: which tokens are markers, and which one ends an assistant's turn."""

import json
import re
from collections.abc import Container, Sequence
from typing import Any

TOOL_CALL_MARKERS = frozenset({"<|python_tag|>", "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"})
"""Special tokens of Llama 3 and Mistral that stand before a call: part of what the model says, not the end of it."""


def special_ids(tokenizer: Any) -> frozenset[int]:
    """Ids of all special tokens but TOOL_CALL_MARKERS. `all_special_ids` alone would miss Llama 3's header markers."""
    added = tokenizer.added_tokens_decoder
    ids = {index for index, token in added.items() if token.special} | set(tokenizer.all_special_ids)
    return frozenset(index for index in ids if index not in added or added[index].content not in TOOL_CALL_MARKERS)


def before_special(token_ids: Sequence[int], special: Container[int]) -> tuple[int, ...]:
    """The ids before the first special one: what the model says in its turn."""
    end = next((i for i, token in enumerate(token_ids) if token in special), len(token_ids))
    return tuple(token_ids[:end])


def offer_tools(
    tokenizer: Any, messages: Sequence[dict[str, Any]], tools: list[dict[str, Any]] | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]] | None]:
    """(messages, tools) for the chat template: where it has no place for tools, the system message lists them."""
    if not tools or re.search(r"\btools\b", tokenizer.chat_template or ""):
        return list(messages), tools
    listing = "You may call these functions:\n" + "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
    if messages[0]["role"] == "system":
        return [{**messages[0], "content": f"{messages[0]['content']}\n\n{listing}"}, *messages[1:]], None
    return [{"role": "system", "content": listing}, *messages], None


def end_of_turn_id(tokenizer: Any, template_kwargs: dict[str, Any] | None = None) -> int:
    """The token with which the chat template closes an assistant's turn, such as `<|im_end|>` or `<|eot_id|>`.

    Raises:
        ValueError: there is no chat template, or it closes a turn with ordinary text.
    """
    if not tokenizer.chat_template:
        raise ValueError("The tokenizer has no chat template; use an instruct model or set model.custom_chat_template.")
    answer = "An answer"
    messages = [{"role": "user", "content": "A task"}, {"role": "assistant", "content": answer}]
    rendered = tokenizer.apply_chat_template(messages, tokenize=False, **(template_kwargs or {}))
    closing = tokenizer.encode(rendered.rpartition(answer)[2], add_special_tokens=False)
    if not closing or closing[0] not in special_ids(tokenizer):
        raise ValueError(
            "The chat template does not end an assistant's turn with a special token, so turns cannot be told apart; "
            "set actor_rollout_ref.model.custom_chat_template to one that does."
        )
    return int(closing[0])


def closing_ids(tokenizer: Any, builder: Any, template_kwargs: dict[str, Any] | None = None) -> tuple[int, ...]:
    """What the loop closes an assistant's turn with: as the template does, or with the end of turn alone.

    Raises:
        ValueError: as of `end_of_turn_id`.
    """
    end = end_of_turn_id(tokenizer, template_kwargs)
    return closing_as_template(tokenizer, builder, template_kwargs) or (end,)


def closing_as_template(
    tokenizer: Any, builder: Any, template_kwargs: dict[str, Any] | None = None
) -> tuple[int, ...] | None:
    """What closes an assistant's turn before a user's in the chat template: in ChatML, `<|im_end|>` and a line end.

    verl's builder for Qwen adds the line end itself, when it appends the user's turn. Its default builder does not, and
    verl gives it to every Llama with a ChatML template, SmolLM2 among them. So both ways are tried, and the shortest
    that comes out as the template is taken; None, if none does.

    Args:
        builder: verl's continuous-token builder for this model.
    """
    answer, task = "An answer", {"role": "user", "content": "A task"}
    before = [task, {"role": "assistant", "content": answer}]
    after = [*before, {"role": "user", "content": "Again"}]
    rendered = tokenizer.apply_chat_template(
        after, tokenize=False, add_generation_prompt=True, **(template_kwargs or {})
    )
    wanted = tokenizer.encode(rendered.rpartition(answer)[2], add_special_tokens=False)
    for length in (1, 2):
        if builder.merge_context_tokens(before, after, wanted[:length]).token_ids == wanted:
            return tuple(wanted[:length])
    return None
