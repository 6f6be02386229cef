"""Fixtures that the tests share."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from builders import compose_config
from omegaconf import DictConfig, OmegaConf
from scripted_server import ScriptedServer
from transformers import PreTrainedTokenizerFast
from verl.experimental.agent_loop.agent_loop import DictConfigWrap
from verl.utils.dataset.rl_dataset import RLHFDataset

import verl_reflect.plugin
from recipes.tiny_model.tokenizer import build_tokenizer
from verl_reflect.rollout.judge import Judge
from verl_reflect.rollout.loop import ReflectRetryAgentLoop, RetryAgentLoop
from verl_reflect.rollout.reward_function import RewardFunction
from verl_reflect.rollout.shared import Shared

verl_reflect.plugin.register()


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """The tiny model's: one token a word, ChatML markers."""
    return build_tokenizer()


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
        OmegaConf.set_struct(config.data.apply_chat_template_kwargs, False)  # as a `+` before the key does
        config.merge_with_dotlist([*small, *assignments])
        return config

    return changed


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    """The recipe's judge, in its own process."""
    judge = Judge(RewardFunction(), success_threshold=1.0, timeout=20.0)
    yield judge
    judge.close()


@pytest.fixture(scope="session", autouse=True)
def _close_what_loops_share() -> Iterator[None]:
    yield
    Shared.close()


@pytest.fixture
def make_loop(
    recipe_config: Callable[..., DictConfig], judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., RetryAgentLoop]:
    """An agent loop of the recipe on the server's tokenizer, with any changes to the configuration."""
    monkeypatch.setattr(Judge, "from_config", lambda config: judge)

    def made(
        server: ScriptedServer,
        *overrides: str,
        cls: type[RetryAgentLoop] = ReflectRetryAgentLoop,
        model_type: str = "qwen2",
    ) -> RetryAgentLoop:
        config = recipe_config(*overrides)
        return cls(
            trainer_config=DictConfigWrap(config),
            server_manager=server,
            tokenizer=server.tokenizer,
            processor=None,
            dataset_cls=RLHFDataset,
            data_config=DictConfigWrap(config.data),
            hf_model_type=model_type,
        )

    return made


@pytest.fixture
def scripted(tokenizer: Any) -> Callable[..., ScriptedServer]:
    """A server that says these lines."""
    return lambda *lines, **more: ScriptedServer(tokenizer, list(lines), **more)
