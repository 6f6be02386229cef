"""What the checks look at: a run's composed configuration and what it names. And how they refuse it."""

import os
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from omegaconf import DictConfig, ListConfig
from transformers import AutoConfig, AutoTokenizer

from verl_reflect.config import ReflectConfig
from verl_reflect.tasks.registry import wordings


class UnfitError(Exception):
    """Something in the configuration or its surroundings cannot work. The message says what to do."""


class Run:
    """A composed configuration and what has to be read to check it, each read once."""

    def __init__(self, config: DictConfig):
        self.config = config
        self.rollout = config.actor_rollout_ref.rollout
        self.model = config.actor_rollout_ref.model

    @cached_property
    def settings(self) -> ReflectConfig:
        """The `reflect` section."""
        if "reflect" not in self.config:
            raise UnfitError("The configuration has no reflect section; add +recipe=reflect_grpo.")
        try:
            return ReflectConfig.from_config(self.config)
        except ValueError as error:
            raise UnfitError(str(error)) from error

    @cached_property
    def reflection_prompts(self) -> list[str]:
        """Every request for a reflection that a row can meet."""
        if self.settings.reflection_prompt is not None:
            return [self.settings.reflection_prompt]
        try:
            return wordings(self.settings.tasks)
        except ValueError as error:
            raise UnfitError(str(error)) from error

    @cached_property
    def tokenizer(self) -> Any:
        """The model's tokenizer, with the template verl would use."""
        tokenizer = self._pretrained(AutoTokenizer, self.model.get("tokenizer_path") or self.model.path)
        if self.model.get("custom_chat_template"):
            tokenizer.chat_template = self.model.custom_chat_template
        return tokenizer

    @cached_property
    def model_config(self) -> Any:
        """The model's `config.json`."""
        return self._pretrained(AutoConfig, self.model.get("hf_config_path") or self.model.path)

    def _pretrained(self, kind: Any, path: str) -> Any:
        path = os.path.expanduser(path)
        if os.path.isabs(path) and not os.path.isdir(path):
            raise UnfitError(f"There is no model folder {path}; set actor_rollout_ref.model.path.")
        try:
            return kind.from_pretrained(path, trust_remote_code=self.model.get("trust_remote_code", False))
        except (OSError, ValueError) as error:
            first_line = str(error).strip().splitlines()[0]
            raise UnfitError(
                f"{path} cannot be read as a model: {first_line} Set actor_rollout_ref.model.path."
            ) from error

    def files(self) -> Iterator[tuple[str, str]]:
        """(`data.train_files` or `data.val_files`, path) of every data file."""
        for key in ("train_files", "val_files"):
            paths = self.config.data[key]
            for path in paths if isinstance(paths, ListConfig) else [paths]:
                yield f"data.{key}", os.path.expanduser(path)
