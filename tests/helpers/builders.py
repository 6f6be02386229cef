"""Tiny builders that the tests share."""

from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_module
from omegaconf import DictConfig
from verl.experimental.agent_loop.agent_loop import AgentLoopOutput

ROOT = Path(__file__).parents[2]
"""The repository."""


def compose_config(*overrides: str, name: str = "ppo_trainer") -> DictConfig:
    """Compose verl's configuration with overrides, as `python -m verl.trainer.main_ppo` does. Takes a second."""
    with initialize_config_module("verl.trainer.config", version_base=None):
        return compose(name, overrides=list(overrides))


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


WRONG = "<answer> ( 3 + 5 ) * 8 </answer>"  # 64
RIGHT = "<answer> ( 3 * 8 ) + 5 </answer>"  # 29
HINT = "First I will compute 8 times 3 and then add 5 ."
SAMPLING = {"temperature": 1.0, "logprobs": True}


def episode_of(output: AgentLoopOutput) -> Any:
    return output.extra_fields["episode"]
