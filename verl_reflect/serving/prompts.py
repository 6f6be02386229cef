"""A row as token ids and an answer as words, both as the agent loop of the training makes them."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from verl_reflect.checks.run import Run
from verl_reflect.rollout.chat_template import before_special, offer_tools, special_ids
from verl_reflect.rollout.session import functions_of, messages_of


class Prompts:
    """The tokenizer and chat template of a run."""

    def __init__(self, run: Run):
        self._tokenizer = run.tokenizer
        self._model_type = run.model_config.model_type
        self._prompt_key = run.config.data.prompt_key
        self.template_arguments = dict(run.config.data.get("apply_chat_template_kwargs") or {})
        self._special_ids = special_ids(run.tokenizer)

    @cached_property
    def _builder(self) -> Any:
        from verl.utils.tokenizer.continuous_token_wiring import create_continuous_token_builder

        return create_continuous_token_builder(
            self._tokenizer, hf_model_type=self._model_type, chat_template_kwargs=self.template_arguments
        )

    def encode(self, row: Mapping[str, Any]) -> list[int]:
        """The ids of a row's messages and tools, ending where the model is to answer."""
        messages, tools = offer_tools(self._tokenizer, messages_of(row[self._prompt_key]), functions_of(row))
        return list(self._builder.build_initial_tokens(messages, tools=tools))

    def words(self, token_ids: Sequence[int]) -> str:
        """The text of an answer that is judged, in training too."""
        return str(self._tokenizer.decode(before_special(token_ids, self._special_ids)))
