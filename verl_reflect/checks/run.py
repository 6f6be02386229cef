"""What the checks look at: a run's composed configuration and what it names. And how they refuse it."""

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from omegaconf import DictConfig, OmegaConf
from transformers import AutoConfig, AutoTokenizer

from verl_reflect.checks.address import address_of
from verl_reflect.checks.keys import KEYS, MODEL
from verl_reflect.config import ReflectConfig
from verl_reflect.finding import Doubt
from verl_reflect.tasks.registry import wordings

VERLS_OWN_MODEL = "~/models/deepseek-llm-7b-chat"
"""verl's default for `actor_rollout_ref.model.path`, a folder of its makers."""
HDFS = "hdfs://"


class UnfitError(Exception):
    """Something in the configuration or its surroundings cannot work. The message says what to do."""


class Run:
    """A composed configuration and what has to be read to check it, each read once."""

    def __init__(self, config: DictConfig):
        self.config = config
        self._unreadable: dict[str, str] = {}

    @property
    def rollout(self) -> DictConfig:
        """verl's section for the rollout engine."""
        section: DictConfig = self.config.actor_rollout_ref.rollout
        return section

    @property
    def model(self) -> DictConfig:
        """verl's section for the model."""
        section: DictConfig = self.config.actor_rollout_ref.model
        return section

    def get(self, key: str) -> Any:
        """The value of a key of `KEYS`, as plain Python; None for an optional one that is not there.

        Raises:
            UnfitError: it is not what the key must be.
        """
        try:
            return KEYS[key].read(self.config, key)
        except ValueError as error:
            raise UnfitError(str(error)) from error

    @cached_property
    def settings(self) -> ReflectConfig:
        """The `reflect` section."""
        if not OmegaConf.is_dict(OmegaConf.select(self.config, "reflect", throw_on_resolution_failure=False)):
            raise UnfitError("The configuration has no section reflect; add +recipe=reflect_grpo.")
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

    @property
    def cluster(self) -> str | None:
        """The address of a Ray cluster that the run joins: its nodes may see other files and variables than this one.

        None if it starts a Ray of its own.
        """
        self.get("ray_kwargs.ray_init.address")
        try:
            return address_of(self.config)
        except ValueError as error:
            raise UnfitError(str(error)) from error

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables of this machine, and those that Ray gives to every process of the run."""
        return {**os.environ, **(self.get("ray_kwargs.ray_init.runtime_env.env_vars") or {})}

    def refuse(self, sentence: str) -> Doubt:
        """Refuse what this machine lacks; on a cluster it is only a doubt, because other nodes may have it.

        Raises:
            UnfitError: no cluster is named.
        """
        if self.cluster is None:
            raise UnfitError(sentence)
        return Doubt(f"On this machine, which may not be where the trainer runs: {sentence}")

    @property
    def on_cpu(self) -> bool:
        """Trained with +hardware=cpu."""
        return self.environment.get("VERL_PLATFORM") == "cpu"

    @property
    def with_lora(self) -> bool:
        """Only an adapter is trained, and the reference is the model without it."""
        ranks = (self.get("actor_rollout_ref.model.lora_rank"), self.get("actor_rollout_ref.model.lora.rank"))
        return any(ranks) or self.get("actor_rollout_ref.model.lora_adapter_path") is not None

    @property
    def with_reference(self) -> bool:
        """Rows are held against a reference model."""
        return bool(self.get("algorithm.use_kl_in_reward") or self.get("actor_rollout_ref.actor.use_kl_loss"))

    @property
    def with_critic(self) -> bool:
        """As verl decides it."""
        enabled: bool | None = self.get("critic.enable")
        return self.get("algorithm.adv_estimator") == "gae" if enabled is None else enabled

    @cached_property
    def tokenizer(self) -> Any:
        """The model's tokenizer, with the template verl would use."""
        tokenizer = self._pretrained(AutoTokenizer, "actor_rollout_ref.model.tokenizer_path")
        if template := self.get("actor_rollout_ref.model.custom_chat_template"):
            tokenizer.chat_template = template
        return tokenizer

    @cached_property
    def model_config(self) -> Any:
        """The model's `config.json`."""
        return self._pretrained(AutoConfig, "actor_rollout_ref.model.hf_config_path")

    def _pretrained(self, kind: Any, key: str) -> Any:
        """Read what a key names, or else the model itself, as verl reads it."""
        key = key if self.get(key) else "actor_rollout_ref.model.path"
        named: str = self.get(key)
        if sentence := self._unreadable.get(named):  # the hub's client tries for minutes
            raise UnfitError(sentence)
        if named == VERLS_OWN_MODEL and not os.path.isdir(os.path.expanduser(named)):
            raise UnfitError(f"Name a model: set actor_rollout_ref.model.path to {MODEL.wanted}.")
        path = os.path.expanduser(self.fetched(key, named))
        if os.path.isabs(path) and not os.path.isdir(path):
            raise UnfitError(f"There is no model folder {path}; set {key}.")
        try:
            return kind.from_pretrained(
                path, trust_remote_code=bool(self.get("actor_rollout_ref.model.trust_remote_code"))
            )
        except Exception as error:  # whatever a model's own files, its code or the hub's client can raise
            first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
            self._unreadable[named] = f"{named} cannot be read as a model: {first_line} Set {key}."
            raise UnfitError(self._unreadable[named]) from error

    def fetched(self, key: str, path: str) -> str:
        """Where a path lies on this machine: verl copies what is on HDFS, and takes everything else as it is.

        Args:
            key: What names the path, for a refusal.

        Raises:
            UnfitError: it cannot be copied.
        """
        if path.endswith("/"):
            raise UnfitError(f"{key} is {path}, and verl refuses a path that ends with /; leave that out.")
        if not path.startswith(HDFS):
            return path
        from verl.utils.fs import copy_to_local

        folder = self.get("data.cache_dir") if key.startswith("data.") else None
        try:
            copied: str = copy_to_local(path, cache_dir=folder and os.path.expanduser(folder))
        except OSError as error:
            raise UnfitError(f"{key}: {path} cannot be copied: {error}") from error
        if not os.path.exists(copied):
            raise UnfitError(f"{key}: there is no {path}, or `hdfs dfs -get` cannot copy it; see above, or set {key}.")
        return copied

    def files(self) -> Iterator[tuple[str, str]]:
        """(`data.train_files` or `data.val_files`, path) of every data file.

        What is on HDFS is copied, as verl does. Other addresses (s3://, https://) stay as they are: verl's reader alone
        opens them.
        """
        for key in ("data.train_files", "data.val_files"):
            paths = self.get(key)
            for path in [paths] if isinstance(paths, str) else paths:
                yield key, os.path.expanduser(self.fetched(key, path))
