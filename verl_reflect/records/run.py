"""Which run a file belongs to: the settings that decide what it learns, its seeds, and when it began.

A run can be started several times: killed, it goes on from its last checkpoint. Every start is a line of `run.jsonl` in
each folder that the run writes to, and of `metrics.run.jsonl` beside `metrics.jsonl`; the transcripts, and the counts
of the guards, name the run and the start that wrote them. What two folders hold can so be told apart, and two trainings
are seeds of one another if their settings are the same and their seeds are not.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

FILE_NAME = "run.jsonl"

_DATA = (
    *("train_files", "val_files", "train_max_samples", "val_max_samples", "train_batch_size", "prompt_key"),
    *("max_prompt_length", "max_response_length", "filter_overlong_prompts", "shuffle", "apply_chat_template_kwargs"),
)
_MODEL = ("path", "custom_chat_template", "lora_rank", "lora_alpha", "target_modules", "lora.rank", "lora.alpha")
_ACTOR = (
    *("optim", "ppo_mini_batch_size", "ppo_epochs", "grad_clip", "policy_loss", "loss_agg_mode", "entropy_coeff"),
    *("clip_ratio", "clip_ratio_low", "clip_ratio_high", "clip_ratio_c", "use_kl_loss", "kl_loss_coef", "kl_loss_type"),
)
_ROLLOUT = ("n", "temperature", "top_p", "top_k", "val_kwargs", "agent.default_agent_loop")
DECISIVE = (
    *("reflect", "algorithm", "reward.custom_reward_function", "critic.optim"),
    *(f"data.{name}" for name in _DATA),
    *(f"actor_rollout_ref.model.{name}" for name in _MODEL),
    *(f"actor_rollout_ref.actor.{name}" for name in _ACTOR),
    *(f"actor_rollout_ref.rollout.{name}" for name in _ROLLOUT),
)
"""Keys and sections that decide what a run learns and what it is validated on.

All else may change between two starts of one run, or between two seeds: where it writes, how long it goes on, how often
it saves and validates, what logs it, how it is resumed, and on how many devices, in what pieces and by which engine it
is computed.
"""
_NO_MATTER = (
    *("reflect.generation_timeout", "reflect.verifier_timeout", "reflect.verifier_processes"),
    *("reflect.max_replaced_groups", "reflect.guards", "actor_rollout_ref.actor.optim.total_training_steps"),
)
SEEDS = (
    *("data.seed", "actor_rollout_ref.rollout.seed", "actor_rollout_ref.actor.data_loader_seed"),
    *("actor_rollout_ref.actor.fsdp_config.seed", "actor_rollout_ref.actor.megatron.seed"),
)
_PATHS = ("data.train_files", "data.val_files", "actor_rollout_ref.model.path", "reward.custom_reward_function.path")

Settings = Mapping[str, Any]
"""Values by full key, as JSON has them."""


@dataclass(frozen=True)
class Start:
    """One start of a run."""

    run: str
    """The same for all starts of a run, and for no other run."""
    number: int
    """From 1 on."""
    began: str
    """In UTC, ISO 8601."""
    after_step: int | None
    """Of the checkpoint that it goes on from; -1: it begins with the validation before training; None: it only
    validates, and what earlier starts did stays."""
    settings: Settings
    seeds: Settings

    @property
    def in_words(self) -> str:
        """For people: when it began."""
        return f"the run that began on {self.began[:16].replace('T', ' at ')} UTC"

    def next(self, after_step: int | None) -> "Start":
        """The same run, started once more."""
        return Start(self.run, self.number + 1, now(), after_step, self.settings, self.seeds)

    @classmethod
    def first(cls, config: Mapping[str, Any], after_step: int | None) -> "Start":
        """Of a run with this configuration, which is verl's as plain data."""
        settings, seeds, began = settings_of(config), seeds_of(config), now()
        told = json.dumps([settings, seeds, began, os.urandom(8).hex()], sort_keys=True)
        return cls(hashlib.sha256(told.encode()).hexdigest()[:12], 1, began, after_step, settings, seeds)


def now() -> str:
    """The time, in UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def settings_of(config: Mapping[str, Any]) -> Settings:
    """The settings of DECISIVE. Files are named by where they are, however the configuration says it."""
    leaves = dict(_leaves(config))
    return {key: _at_home(key, value) for key, value in leaves.items() if _decides(key)}


def seeds_of(config: Mapping[str, Any]) -> Settings:
    """The values of SEEDS."""
    return {key: value for key, value in _leaves(config) if key in SEEDS}


def differences(one: Settings, other: Settings) -> list[str]:
    """What is set otherwise, such as `data.train_batch_size (256, not 32)`.

    A value that is an interpolation, as Hydra's copy of a configuration has it, is not compared: its sources are.
    """
    keys = sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
    pairs = [(key, one.get(key), other.get(key)) for key in keys]
    return [f"{key} ({a}, not {b})" for key, a, b in pairs if "${" not in f"{a}{b}"]


def read_starts(path: Path) -> list[Start]:
    """The starts that a file tells of, in order; none if there is no such file.

    Raises ValueError, in one sentence, for a file that is not one of these.
    """
    if not path.is_file():
        return []
    *lines, _unfinished = path.read_text(encoding="utf-8", errors="replace").split("\n")
    try:
        return [Start(**json.loads(line)) for line in lines]
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} does not say whose files these are; move it and them away.") from error


def line_of(start: Start) -> bytes:
    """What the file has of a start."""
    return (json.dumps(asdict(start), ensure_ascii=False) + "\n").encode()


def _decides(key: str) -> bool:
    return _within(key, DECISIVE) and not _within(key, _NO_MATTER) and not key.endswith("_target_")


def _within(key: str, sections: Sequence[str]) -> bool:
    return any(key == section or key.startswith(f"{section}.") for section in sections)


def _leaves(section: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in section.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{place}{name}.")
        else:
            yield f"{place}{name}", value


def _at_home(key: str, value: Any) -> Any:
    if key not in _PATHS:
        return value
    if isinstance(value, str):
        path = os.path.expanduser(value)
        return os.path.realpath(path) if os.path.exists(path) else value
    return [_at_home(key, each) for each in value] if isinstance(value, Iterable) else value
