"""Taking turns with verl's model server, one token stream that only grows.

What the server returned is appended as ids, never as re-encoded text (verl issue #6719). Two things are decided here:

- **No marker of a turn enters the context but the template's own.** A turn is cut at the first token that opens or ends
  one (turn_markers.py) and closed as the template does, whether it stopped by itself, ran into its limit or wrote a
  marker. So a turn without an end cannot run into the next one, and a turn that writes `<|im_start|>user` cannot forge
  one. What the loop appends is what the template writes between an answer and the next (chat_template.py).
- **Thinking stays.** Templates such as Qwen3's drop earlier `<think>` blocks when they render a conversation. A rollout
  that appends ids keeps them: the model goes on from exactly the tokens it produced, and the prefix cache hits.
"""

import asyncio
import itertools
from dataclasses import dataclass, replace
from typing import Any

from verl.experimental.agent_loop.agent_loop import AgentLoopBase
from verl.workers.rollout.replica import TokenOutput

from verl_reflect.records.transcripts import Utterance
from verl_reflect.rollout.chat_template import Message, assistant, user
from verl_reflect.rollout.play import Continuation, Limits, Played, Player, played
from verl_reflect.rollout.server_answer import refuse_unusable
from verl_reflect.rollout.session import Session, StoredTurn
from verl_reflect.rollout.shared import Shared


@dataclass(frozen=True)
class Conversation:
    """A chat so far, both as messages and as the token ids that the server sees. Never changed, only extended."""

    messages: tuple[Message, ...]
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
    """The ids before the first marker of a turn."""
    log_probs: tuple[float, ...] | None
    """Of `token_ids`; None if the server was not asked for them."""
    utterance: Utterance
    extra_fields: dict[str, Any]
    """The server's own remarks, such as the weights' version."""
    played: Played | None = None
    """What another agent loop has made of it, if it is an attempt of many turns (play.py)."""
    routed_experts: Any = None
    """Of a mixture of experts, by token of conversation and answer, if verl replays the routing; else None."""


class TurnTakingAgentLoop(AgentLoopBase):
    """An agent loop whose sessions are a dialogue of user turns and model turns.

    verl makes one instance for each session; `shared` is what all sessions of a configuration have together.
    """

    tokenizer: Any  # a Hugging Face tokenizer; verl annotates the factory class

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.made_with = kwargs
        """verl's arguments, for the loop of `reflect.attempt_loop`."""
        self.shared = Shared.under(self.config, self.tokenizer)
        self.settings = self.shared.settings
        self.turn_numbers = itertools.count()
        """Of the turns that the model is asked for."""

    async def open(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None) -> Conversation:
        """Start with the task's own messages and the functions that the model may call.

        Raises:
            ValueError: the task has more than text, or is longer than `data.max_prompt_length`, which verl would cut
            from the left.
        """
        put, token_ids = await self.loop.run_in_executor(None, self.shared.chat.open, messages, tools)
        limit = self.rollout_config.prompt_length
        if len(token_ids) > limit:
            raise ValueError(
                f"A task of {len(token_ids)} tokens is longer than data.max_prompt_length={limit}; "
                "raise it, or set data.filter_overlong_prompts=True."
            )
        return Conversation(tuple(put), token_ids)

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
            RuntimeError: the server gave up the request, or gave no log-probabilities though they were asked for.
        """
        limits = {"max_tokens": max_tokens, "stop_token_ids": list(self.shared.chat.stop_ids)}
        output = await asyncio.wait_for(
            self.server_manager.generate(
                request_id=server,
                prompt_ids=list(conversation.token_ids),
                sampling_params={**sampling_params, **limits},
            ),
            self.settings.generation_timeout,
        )
        refuse_unusable(
            output.token_ids,
            output.stop_reason,
            output.log_probs,
            log_probs_asked=bool(sampling_params.get("logprobs")),
        )
        return self._turn(conversation, output)

    def _turn(self, conversation: Conversation, output: TokenOutput, lead: str = "") -> Turn:
        """The server's output as a turn. `lead` is what stands before its words and is none of them."""
        token_ids = tuple(output.token_ids)
        body = self.shared.chat.body(token_ids)
        utterance = Utterance(
            text=self.shared.chat.words(body).removeprefix(lead),
            tokens=len(token_ids),
            truncated=len(body) == len(token_ids),
            forged=len(body) < len(token_ids) - 1,
            token_ids=token_ids,
            weights=_weights(output.extra_fields),
            prompt_tokens=len(conversation.token_ids),
            cached_tokens=output.extra_fields.get("num_cached_tokens"),
        )
        log_probs = tuple(output.log_probs) if output.log_probs else None
        return Turn(
            conversation,
            token_ids,
            body,
            log_probs,
            utterance,
            output.extra_fields,
            routed_experts=output.routed_experts,
        )

    async def model_plays(
        self, session: Session, so_far: Conversation | None, max_tokens: int, sampling_params: dict[str, Any]
    ) -> Turn:
        """Let the model make an attempt in the agent loop of `reflect.attempt_loop`.

        Args:
            so_far: The conversation that the attempt continues; None at a first attempt.
            max_tokens: For all that is said in it.
            sampling_params: verl's.

        Raises:
            TimeoutError: it took longer than `reflect.generation_timeout`.
            Exception: what the loop, a tool or its environment raises.
        """
        limits = Limits(self.config.data.max_prompt_length, max_tokens, self.settings.generation_timeout)
        place = so_far.token_ids if so_far else None
        server = Continuation(self.server_manager, session.group, place, self.shared.chat.stop_ids, limits)
        player = Player(str(self.settings.attempt_loop), self.made_with)
        config = self.shared.config_within(limits)
        made = await played(player, session.row, sampling_params, server, config, limits)
        return self._played_turn(so_far or Conversation(tuple(session.messages), made.opening), made)

    def _played_turn(self, conversation: Conversation, made: Played) -> Turn:
        chat, before = self.shared.chat, made.said[: len(made.said) - len(made.answer)]
        answer = chat.body(made.answer)
        body = (*before, *answer)
        utterance = Utterance(
            text=str(self.tokenizer.decode(body, skip_special_tokens=False)),
            tokens=len(made.said),
            truncated=len(answer) == len(made.answer),
            token_ids=made.said,
        )
        return Turn(conversation, made.said, body, None, utterance, {}, played=made)

    def stored_turn(self, conversation: Conversation, stored: StoredTurn, limit: int) -> Turn:
        """A turn that the model took earlier, from the data set. A chat marker in its text ends it, as any turn.

        (`split_special_tokens` would keep the marker as text, but it changes the tokenizer under threads that use it.)
        """
        chat, lead, token_ids = self.shared.chat, "", stored.token_ids
        if token_ids is None:
            lead, in_place = chat.as_answer(stored.text)
            token_ids = [*in_place, chat.end_of_turn]
        turn = self._turn(conversation, TokenOutput(token_ids=token_ids), lead)
        if len(turn.body_ids) <= limit:
            return turn
        kept = turn.body_ids[:limit]
        text = chat.words(kept).removeprefix(lead)
        cut = replace(turn.utterance, text=text, tokens=limit, truncated=True, token_ids=kept)
        return replace(turn, token_ids=kept, body_ids=kept, utterance=cut)

    async def user_says(self, turn: Turn, text: str) -> Conversation:
        """Close the model's turn, append a user message and open the model's next turn."""
        messages = (*turn.conversation.messages, assistant(turn.utterance.text), user(text))
        appended = self.shared.chat.next_turn(text)
        return Conversation(messages, (*turn.conversation.token_ids, *turn.body_ids, *appended))


def _weights(remarks: dict[str, Any]) -> tuple[int, int] | None:
    """verl's client says of each answer which weights began it and which ended it, if it was broken off in between."""
    first, last = remarks.get("min_global_steps"), remarks.get("max_global_steps")
    return None if first is None or last is None else (int(first), int(last))
