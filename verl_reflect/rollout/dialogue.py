"""Taking turns with verl's model server, one token stream that only grows.

What the server returned is appended as ids, never as re-encoded text (verl issue #6719). Two things are decided here:

- **Only the model's ordinary tokens enter the context.** Its turn is cut at the first special token (markers of a tool
  call excepted) and closed with the
  template's own end of turn, whether it stopped by itself, ran into its limit or wrote a chat marker. So a turn without
  an end cannot run into the next one, and a turn that writes `<|im_start|>user` cannot forge one.
- **Thinking stays.** Templates such as Qwen3's drop earlier `<think>` blocks when they render a conversation. A rollout
  that appends ids keeps them: the model goes on from exactly the tokens it produced, and the prefix cache hits.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from verl.experimental.agent_loop.agent_loop import AgentLoopBase

from verl_reflect.records.transcripts import Utterance
from verl_reflect.rollout.chat_template import before_special, offer_tools
from verl_reflect.rollout.session import StoredTurn
from verl_reflect.rollout.shared import Shared


@dataclass(frozen=True)
class Conversation:
    """A chat so far, both as messages and as the token ids that the server sees. Never changed, only extended."""

    messages: tuple[dict[str, Any], ...]
    token_ids: tuple[int, ...]
    """Ends with the generation prompt: the model is next."""


@dataclass(frozen=True)
class Turn:
    """The model's answer to a conversation."""

    conversation: Conversation
    """What it answered to."""
    token_ids: tuple[int, ...]
    """Verbatim what the server returned."""
    body_ids: tuple[int, ...]
    """The ids before the first special token."""
    log_probs: tuple[float, ...] | None
    """Of `token_ids`; None if the server was not asked for them."""
    utterance: Utterance
    extra_fields: dict[str, Any]
    """The server's own remarks, such as the weights' version."""


class TurnTakingAgentLoop(AgentLoopBase):
    """An agent loop whose sessions are a dialogue of user turns and model turns.

    verl makes one instance for each session; `shared` is what all sessions of a configuration have together.
    """

    tokenizer: Any  # a Hugging Face tokenizer; verl annotates the factory class

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.shared = Shared.under(self.config, self.tokenizer, self.continuous_token_builder)
        self.settings = self.shared.settings

    async def open(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None) -> Conversation:
        """Start with the task's own messages and the functions that the model may call.

        Raises:
            ValueError: the task is longer than `data.max_prompt_length`, which verl would cut from the left.
        """
        messages, tools = offer_tools(self.tokenizer, messages, tools)
        token_ids = await self.loop.run_in_executor(
            None, lambda: self.continuous_token_builder.build_initial_tokens(messages, tools=tools)
        )
        limit = self.rollout_config.prompt_length
        if len(token_ids) > limit:
            raise ValueError(
                f"A task of {len(token_ids)} tokens is longer than data.max_prompt_length={limit}; "
                "raise it, or set data.filter_overlong_prompts=True."
            )
        return Conversation(tuple(messages), tuple(token_ids))

    async def model_answers(
        self, conversation: Conversation, max_tokens: int, sampling_params: dict[str, Any], *, server: str
    ) -> Turn:
        """Let the model take its turn.

        Args:
            max_tokens: Its token limit.
            sampling_params: verl's, with `logprobs` already decided.
            server: Sticky key: the same key reaches the same server, whose prefix cache then knows the conversation.

        Raises:
            TimeoutError: no answer within `reflect.generation_timeout`.
            RuntimeError: the server gave up the request.
        """
        output = await asyncio.wait_for(
            self.server_manager.generate(
                request_id=server,
                prompt_ids=list(conversation.token_ids),
                sampling_params={**sampling_params, "max_tokens": max_tokens},
            ),
            self.settings.generation_timeout,
        )
        if output.stop_reason == "aborted" or not output.token_ids:
            raise RuntimeError(f"The server returned no tokens (stop reason: {output.stop_reason}).")
        return self._turn(conversation, output.token_ids, output.log_probs, output.extra_fields)

    def _turn(
        self, conversation: Conversation, token_ids: list[int], log_probs: list[float] | None, remarks: dict[str, Any]
    ) -> Turn:
        body = before_special(token_ids, self.shared.special_ids)
        utterance = Utterance(
            text=self.tokenizer.decode(body),
            tokens=len(token_ids),
            truncated=len(body) == len(token_ids),
            forged=len(body) < len(token_ids) - 1,
            token_ids=tuple(token_ids),
        )
        return Turn(conversation, tuple(token_ids), body, tuple(log_probs) if log_probs else None, utterance, remarks)

    def stored_turn(self, conversation: Conversation, stored: StoredTurn, limit: int) -> Turn:
        """A turn that the model took earlier, from the data set. A chat marker in its text ends it, as any turn.

        (`split_special_tokens` would keep the marker as text, but it changes the tokenizer under threads that use it.)
        """
        token_ids = stored.token_ids
        if token_ids is None:
            token_ids = [*self.tokenizer.encode(stored.text, add_special_tokens=False), self.shared.closing_ids[0]]
        turn = self._turn(conversation, token_ids, None, {})
        if len(turn.body_ids) <= limit:
            return turn
        kept = turn.body_ids[:limit]
        text = self.tokenizer.decode(kept)
        cut = Utterance(text, tokens=limit, truncated=True, forged=turn.utterance.forged, token_ids=kept)
        return replace(turn, token_ids=kept, body_ids=kept, utterance=cut)

    async def user_says(self, turn: Turn, text: str) -> Conversation:
        """Close the model's turn, append a user message and open the model's next turn."""
        before = [*turn.conversation.messages, {"role": "assistant", "content": turn.utterance.text}]
        after = [*before, {"role": "user", "content": text}]
        closed = self.continuous_token_builder.merge_assistant_tokens(
            list(turn.conversation.token_ids), [*turn.body_ids, *self.shared.closing_ids]
        )
        merged, _, _ = await self.ct_merge_context_msg(before, after, closed.token_ids, [])
        return Conversation(tuple(after), tuple(merged.token_ids))
