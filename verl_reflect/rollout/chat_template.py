"""A chat template, read off what it renders. No family of models is known here by its name.

A conversation is rendered whose words are known, and what stands around them is what the template writes: how a turn is
opened, what ends it, and where the model is to answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

Message = Mapping[str, Any]

TASK, ANSWER, AGAIN = "The task qzu", "The answer qzv", "The next task qzw"
"""Words that no template has of its own. Each ends in a letter: no tokenizer joins it with the marker after it."""


class Pieces(NamedTuple):
    """What the template writes around the words of [user, assistant, user], where the model is next."""

    header: str
    """From the user's words to the assistant's: the end of the one turn, the opening of the other."""
    between: str
    """From the assistant's words to the user's."""
    opening: str
    """After the last words: the end of the user's turn, and the generation prompt."""


@dataclass(frozen=True, eq=False)
class ChatTemplate:
    """The template of a tokenizer, with the arguments that a run gives it.

    Where a tokenizer has several by name, transformers takes `tool_use` if there are tools and else `default`, for
    verl's own loops as for ours.
    """

    tokenizer: Any
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """`data.apply_chat_template_kwargs`."""

    def text(
        self, messages: Sequence[Message], tools: list[dict[str, Any]] | None = None, *, model_is_next: bool = True
    ) -> str:
        """The conversation as the template renders it. Raises whatever the template raises."""
        rendered = self.tokenizer.apply_chat_template(
            [dict(message) for message in messages],
            tools=tools,
            tokenize=False,
            add_generation_prompt=model_is_next,
            **self.arguments,
        )
        return str(rendered)

    def ids(self, text: str) -> tuple[int, ...]:
        """The tokens of a rendering, which has its own first token already."""
        return tuple(self.tokenizer.encode(text, add_special_tokens=False))

    def ids_after(self, before: str, text: str) -> tuple[int, ...]:
        """The tokens of a text as they are after another: some tokenizers put a space before what stands alone."""
        whole, start = self.ids(before + text), self.ids(before)
        return whole[len(start) :] if whole[: len(start)] == start else self.ids(text)

    @cached_property
    def pieces(self) -> Pieces:
        """See `Pieces`. Raises ValueError if there is no template, or it leaves out what is said."""
        if not self.tokenizer.chat_template:
            raise ValueError(
                "The tokenizer has no chat template; use an instruct model or set model.custom_chat_template."
            )
        rendered = self.text([user(TASK), assistant(ANSWER), user(AGAIN)])
        rest = rendered.partition(TASK)[2]
        header, _, rest = rest.partition(ANSWER)
        between, found, opening = rest.partition(AGAIN)
        if not found:
            raise ValueError(
                "The chat template does not write what a user and an assistant say as it is, one after the other; set "
                "actor_rollout_ref.model.custom_chat_template to one that does."
            )
        return Pieces(header, between, opening)

    @cached_property
    def after_last_answer(self) -> str:
        """What the template writes after an answer that ends the conversation."""
        rendered = self.text([user(TASK), assistant(ANSWER)], model_is_next=False)
        return rendered.rpartition(ANSWER)[2]

    def next_turn(self, text: str) -> tuple[int, ...]:
        """The tokens from the end of an answer to where the model is to answer a user who says this."""
        rendered = self.text([user(TASK), assistant(ANSWER), user(text)])
        end = rendered.index(ANSWER) + len(ANSWER)
        return self.ids_after(rendered[:end], rendered[end:])


def user(text: str) -> Message:
    """A user's message."""
    return {"role": "user", "content": text}


def assistant(text: str) -> Message:
    """A message of the model."""
    return {"role": "assistant", "content": text}


def system(text: str) -> Message:
    """A system message."""
    return {"role": "system", "content": text}
