"""Tiny builders that the tests share."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hydra import compose, initialize_config_module
from omegaconf import DictConfig
from scripted_server import ScriptedServer
from transformers import PreTrainedTokenizerFast
from verl.experimental.agent_loop.agent_loop import DictConfigWrap
from verl.utils.dataset.rl_dataset import RLHFDataset

import verl_reflect.plugin
from verl_reflect.agent_loop import ReflectRetryAgentLoop, RetryAgentLoop
from verl_reflect.control_loops import SwappedReflectionAgentLoop
from verl_reflect.judge import Judge, RewardFunction
from verl_reflect.toy.tokenizer import build_tokenizer
from verl_reflect.turns import TurnTakingAgentLoop

verl_reflect.plugin.register()


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """The tiny model's: one token a word, ChatML markers."""
    return build_tokenizer()


def compose_config(*overrides: str, name: str = "ppo_trainer") -> DictConfig:
    """Compose verl's configuration with overrides, as `python -m verl.trainer.main_ppo` does. Takes a second."""
    with initialize_config_module("verl.trainer.config", version_base=None):
        return compose(name, overrides=list(overrides))


@pytest.fixture(scope="session")
def _recipe() -> DictConfig:
    return compose_config("+recipe=reflect_grpo", "+task=countdown")


@pytest.fixture
def recipe_config(_recipe: DictConfig) -> Callable[..., DictConfig]:
    """The composed recipe for Countdown with limits and a prompt that suit the tiny tokenizer, and any changes."""

    def changed(*assignments: str) -> DictConfig:
        config = copy.deepcopy(_recipe)
        small = [
            "reflect.reflection_prompt='Reflect on what went wrong .'",
            "reflect.max_attempt_tokens=16",
            "reflect.max_reflection_tokens=16",
            "reflect.max_retry_tokens=16",
            "data.max_prompt_length=32",
        ]
        config.merge_with_dotlist([*small, *assignments])
        return config

    return changed


def row(**changes: Any) -> dict[str, Any]:
    """A data row as verl hands it to an agent loop: make 24 from 3, 5 and 8, with a failed attempt."""
    return {
        "uid": "uid",
        "session_id": 0,
        "global_steps": 1,
        "is_validation": False,
        "raw_prompt": [{"role": "user", "content": "Make 24 from 3 5 8 ."}],
        "data_source": "countdown",
        "reward_model": {"ground_truth": {"target": 29, "numbers": [3, 5, 8]}},
        "extra_info": {"index": 0},
        "first_attempt": "<answer> ( 3 + 5 ) * 8 </answer>",
        **changes,
    }


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    """The recipe's judge, in its own process."""
    judge = Judge(RewardFunction(), success_threshold=1.0, timeout=20.0)
    yield judge
    judge.close()


@pytest.fixture
def make_loop(
    recipe_config: Callable[..., DictConfig], tokenizer: Any, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., RetryAgentLoop]:
    """An agent loop of the recipe on the tiny tokenizer, with a server and any changes to the configuration."""
    monkeypatch.setattr(Judge, "from_config", lambda config: judge)

    def made(
        server: ScriptedServer, *overrides: str, cls: type[RetryAgentLoop] = ReflectRetryAgentLoop
    ) -> RetryAgentLoop:
        monkeypatch.setattr(TurnTakingAgentLoop, "_settings", None)
        RetryAgentLoop._attempts.clear()
        SwappedReflectionAgentLoop._latest.clear()
        config = recipe_config(*overrides)
        return cls(
            trainer_config=DictConfigWrap(config),
            server_manager=server,
            tokenizer=tokenizer,
            processor=None,
            dataset_cls=RLHFDataset,
            data_config=DictConfigWrap(config.data),
            hf_model_type="qwen2",
        )

    return made


@pytest.fixture
def scripted(tokenizer: Any) -> Callable[..., ScriptedServer]:
    """A server that says these lines."""
    return lambda *lines, **more: ScriptedServer(tokenizer, list(lines), **more)
