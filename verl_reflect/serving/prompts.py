"""A row as token ids and an answer as words, both as the agent loop of the training makes them."""

from collections.abc import Mapping
from typing import Any

from verl_reflect.checks.run import Run
from verl_reflect.rollout.chat import Chat
from verl_reflect.rollout.session import functions_of, messages_of


class Prompts:
    """The tokenizer and chat template of a run."""

    def __init__(self, run: Run):
        self._chat = Chat.under(run.config, run.tokenizer)
        self._prompt_key = run.config.data.prompt_key
        self.template_arguments = dict(run.config.data.get("apply_chat_template_kwargs") or {})
        self.stop_ids = self._chat.stop_ids
        """Where the server is to stop."""
        self.words = self._chat.words
        """The text of an answer that is judged, in training too."""

    def encode(self, row: Mapping[str, Any]) -> list[int]:
        """The ids of a row's messages and tools, ending where the model is to answer."""
        _, token_ids = self._chat.open(messages_of(row[self._prompt_key]), functions_of(row))
        return list(token_ids)
