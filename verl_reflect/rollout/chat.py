"""How the loop speaks to one model: from messages to token ids and back. Training, mining and evaluation share it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from omegaconf import DictConfig

from verl_reflect.rollout.chat_template import TASK, ChatTemplate, Message, user
from verl_reflect.rollout.open_thought import closing_of_open_thought, without_opened_thought
from verl_reflect.rollout.opening import Opening, Tools
from verl_reflect.rollout.turn_markers import before_marker, end_of_turn, model_eos_ids, stop_ids, turn_markers

REMEMBERED = 4096
"""User turns whose tokens are kept: the request for a reflection is the same in every session, a task in a group."""


class Chat:
    """What is known of a tokenizer's chat template.

    Args:
        arguments: `data.apply_chat_template_kwargs`.
        eos_ids: Tokens that end an answer according to the model's own files.

    Attributes:
        end_of_turn: The token that ends an assistant's turn.
        markers: Tokens at which a turn of the model is over.
        stop_ids: Tokens at which the server is to stop.

    Raises:
        ValueError: turns cannot be told apart in this template.
    """

    def __init__(self, tokenizer: Any, arguments: Mapping[str, Any] | None = None, eos_ids: Iterable[int] = ()):
        eos_ids = tuple(eos_ids)
        self.template = ChatTemplate(tokenizer, dict(arguments or {}))
        self.opening = Opening(self.template)
        self.end_of_turn = end_of_turn(self.template)
        self.markers = turn_markers(self.template, eos_ids)
        self.stop_ids = stop_ids(self.template, eos_ids)
        self.next_turn = lru_cache(REMEMBERED)(self.template.next_turn)
        """The tokens from the end of an answer to where the model is to answer a user who says this."""

    @classmethod
    def under(cls, config: DictConfig, tokenizer: Any) -> "Chat":
        """As a run's configuration has it."""
        model = config.actor_rollout_ref.model
        eos_ids = model_eos_ids(model.get("hf_config_path") or model.path)
        return cls(tokenizer, config.data.get("apply_chat_template_kwargs"), eos_ids)

    def open(self, messages: Sequence[Message], tools: Tools | None) -> tuple[list[dict[str, Any]], tuple[int, ...]]:
        """A task's messages as the template takes them, and all tokens to where the model is to answer."""
        messages, tools = self.opening(messages, tools)
        return messages, self.template.ids(self.template.text(messages, tools))

    def body(self, token_ids: Sequence[int]) -> tuple[int, ...]:
        """What the model says in its turn: the ids before the first marker."""
        return before_marker(token_ids, self.markers)

    def words(self, token_ids: Sequence[int]) -> str:
        """The text of a turn, as it is judged. Markers of a call or a thought are part of it."""
        text = self.template.tokenizer.decode(
            self.body(token_ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return str(text)

    def as_answer(self, text: str) -> tuple[str, tuple[int, ...]]:
        """(what has to stand before it, all its token ids) of a text that the model is to have answered.

        It stands where the template puts an answer: after a space, as Mistral's; after the thought, where the
        generation prompt has opened one (open_thought.py).
        """
        prompt = self.template.text([user(TASK)])
        text = without_opened_thought(prompt, text)
        lead = self.lead(text)
        return lead, self.template.ids_after(prompt, lead + text)

    def lead(self, text: str) -> str:
        """What has to stand between the generation prompt and a text that the model is to have answered."""
        header, _, opening = self.template.pieces
        if header.startswith(opening):
            return header[len(opening) :]
        return closing_of_open_thought(opening, text)
