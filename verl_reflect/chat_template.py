"""What the loop must know of a chat template: which tokens are markers, and which one ends an assistant's turn."""

from typing import Any


def special_ids(tokenizer: Any) -> frozenset[int]:
    """Ids of all special tokens. `all_special_ids` alone would miss Llama 3's header markers."""
    added = {index for index, token in tokenizer.added_tokens_decoder.items() if token.special}
    return frozenset(added | set(tokenizer.all_special_ids))


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
