"""What the sessions of one configuration share in a process.

verl makes an agent loop for each session, so what is costly and the same for all is made once. Nothing is kept on a
class: a second configuration in the same process, such as an evaluation's beside a training's, has its own.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any, ClassVar
from weakref import WeakValueDictionary

from omegaconf import DictConfig

from verl_reflect.config import ReflectConfig
from verl_reflect.rollout import usher
from verl_reflect.rollout.chat import Chat
from verl_reflect.rollout.judge import Judge
from verl_reflect.rollout.play import Limits, with_limits


@dataclass(frozen=True)
class Shared:
    """Made from one configuration and one tokenizer."""

    config: DictConfig
    tokenizer: Any
    settings: ReflectConfig
    chat: Chat
    judge: Judge
    first_tries: "WeakValueDictionary[str, asyncio.Task[Any]]" = field(default_factory=WeakValueDictionary)
    """First attempts by group. Each session holds on to its own until it ends, and then they are gone."""

    _within: dict[Limits, DictConfig] = field(default_factory=dict)
    _ushers: dict[str, Any] = field(default_factory=dict)

    _made: ClassVar[dict[tuple[int, int], "Shared"]] = {}
    """By identity of configuration and tokenizer, which each of these holds on to."""

    @classmethod
    def under(cls, config: DictConfig, tokenizer: Any) -> "Shared":
        """What belongs to this configuration and tokenizer, made at the first call."""
        key = id(config), id(tokenizer)
        if key not in cls._made:
            cls._made[key] = cls(
                config,
                tokenizer,
                ReflectConfig.from_config(config),
                Chat.under(config, tokenizer),
                Judge.from_config(config),
            )
        return cls._made[key]

    def config_within(self, limits: Limits) -> DictConfig:
        """The configuration for the loop that plays an attempt (play.with_limits), made once."""
        if limits not in self._within:
            self._within[limits] = with_limits(self.config, limits)
        return self._within[limits]

    def usher(self, name: str) -> Any:
        """The handle of the actor that shows groups to their places."""
        if name not in self._ushers:
            self._ushers[name] = usher.find(name)
        return self._ushers[name]

    @classmethod
    def close(cls) -> None:
        """End all of them. For whoever runs loops outside verl's workers, which just end."""
        for shared in cls._made.values():
            shared.judge.close()
        cls._made.clear()
