"""Everything we import from verl, named once. If verl moves, this fails first and says what moved.

The test reads our source, so a new import has to be added here, where a reviewer sees what the plugin stands on.
"""

import ast
import importlib
import importlib.util
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import verl_reflect

ON_EVERY_PLATFORM = {
    "verl.DataProto",
    "verl.experimental.agent_loop.agent_loop.AgentLoopBase",
    "verl.experimental.agent_loop.agent_loop.AgentLoopMetrics",
    "verl.experimental.agent_loop.agent_loop.AgentLoopOutput",
    "verl.experimental.agent_loop.agent_loop.DictConfigWrap",
    "verl.experimental.reward_loop.reward_manager.base.RewardManagerBase",
    "verl.experimental.reward_loop.reward_manager.register",
    "verl.trainer.constants_ppo.get_ppo_ray_runtime_env",
    "verl.trainer.ppo.core_algos.compute_grpo_outcome_advantage",
    "verl.trainer.ppo.core_algos.register_adv_est",
    "verl.trainer.ppo.v1.agent_loop_tq.AgentLoopManagerTQ",
    "verl.trainer.ppo.v1.replay_buffer.ReplayBuffer",
    "verl.utils.dataset.rl_dataset.RLHFDataset",
    "verl.utils.tensordict_utils",
    "verl.utils.tokenizer.continuous_token_wiring.create_continuous_token_builder",
    "verl.workers.rollout.replica.TokenOutput",
    "verl.workers.rollout.replica.get_rollout_replica_class",
}
ON_CPU_ONLY = {
    "verl.plugin.platform.PlatformBase",
    "verl.plugin.platform.PlatformRegistry",
    "verl.plugin.platform.set_platform",
    "verl.trainer.ppo.utils.need_critic",
}

# What we override or call on those classes: (class, method, parameters it must have).
METHODS = [
    (
        "verl.experimental.agent_loop.agent_loop.AgentLoopBase",
        "__init__",
        ["trainer_config", "server_manager", "tokenizer", "processor", "dataset_cls", "data_config", "hf_model_type"],
    ),
    ("verl.experimental.agent_loop.agent_loop.AgentLoopBase", "run", ["sampling_params", "kwargs"]),
    (
        "verl.experimental.agent_loop.agent_loop.AgentLoopBase",
        "ct_merge_context_msg",
        ["previous_messages", "updated_messages", "runtime_token_ids", "response_mask"],
    ),
    ("verl.experimental.reward_loop.reward_manager.base.RewardManagerBase", "run_single", ["data"]),
    ("verl.trainer.ppo.v1.agent_loop_tq.AgentLoopManagerTQ", "generate_sequences", ["prompts"]),
    ("verl.trainer.ppo.v1.replay_buffer.ReplayBuffer", "sample", ["global_steps", "partition_id", "batch_size"]),
    (
        "verl.trainer.ppo.v1.replay_buffer.ReplayBuffer",
        "_terminal_eviction_reasons",
        ["global_steps", "partition_id"],
    ),
    (
        "verl.trainer.ppo.v1.replay_buffer.ReplayBuffer",
        "__init__",
        ["poll_interval", "filter_groups_metric", "train_batch_size", "gen_batch_size", "sync_refill_failed_groups"],
    ),
    (
        "verl.utils.dataset.rl_dataset.RLHFDataset",
        "__init__",
        ["data_files", "tokenizer", "config", "processor", "max_samples"],
    ),
    ("verl.utils.dataset.rl_dataset.RLHFDataset", "__getitem__", ["item"]),
    ("verl.workers.rollout.llm_server.LLMServerClient", "generate", ["request_id", "prompt_ids", "sampling_params"]),
    (
        "verl.workers.rollout.replica.RolloutReplica",
        "__init__",
        ["replica_rank", "config", "model_config", "gpus_per_node"],
    ),
    ("verl.workers.rollout.replica.RolloutReplica", "init_standalone", []),
    ("verl.utils.tokenizer.continuous_token.ContinuousTokenBuilder", "build_initial_tokens", ["messages", "tools"]),
    (
        "verl.utils.tokenizer.continuous_token.ContinuousTokenBuilder",
        "merge_context_tokens",
        ["previous_messages", "updated_messages", "runtime_token_ids"],
    ),
    (
        "verl.utils.tokenizer.continuous_token.ContinuousTokenBuilder",
        "merge_assistant_tokens",
        ["runtime_token_ids", "assistant_token_ids"],
    ),
]


def imports_of(path: Path) -> Iterator[str]:
    """What a source file imports from verl, by full name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "verl":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("verl."))


def resolve(name: str) -> object:
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except AttributeError:
        return importlib.import_module(name)


def test_the_lists_are_complete() -> None:
    package = Path(verl_reflect.__file__).parent
    cpu_files = set((package / "cpu").rglob("*.py"))
    on_cpu = {name for path in cpu_files for name in imports_of(path)}
    elsewhere = {name for path in set(package.rglob("*.py")) - cpu_files for name in imports_of(path)}
    assert elsewhere == ON_EVERY_PLATFORM
    assert on_cpu == ON_CPU_ONLY


@pytest.mark.parametrize("name", sorted(ON_EVERY_PLATFORM | ON_CPU_ONLY))
def test_it_is_still_there(name: str) -> None:
    assert resolve(name) is not None


@pytest.mark.parametrize(("owner", "method", "parameters"), METHODS, ids=lambda value: str(value).rpartition(".")[2])
def test_it_still_takes(owner: str, method: str, parameters: list[str]) -> None:
    found = inspect.signature(getattr(resolve(owner), method)).parameters
    assert set(parameters) <= set(found)


def test_a_replica_still_has_a_handle_and_an_address() -> None:
    replica = resolve("verl.workers.rollout.replica.RolloutReplica")
    for name in ("server_handle", "server_address"):
        assert isinstance(inspect.getattr_static(replica, name), property)


def test_a_replicas_actor_still_takes_and_gives_tokens() -> None:
    from verl.workers.rollout.llm_server import LLMServerClient
    from verl.workers.rollout.replica import TokenOutput

    source = inspect.getsource(LLMServerClient.generate)
    assert "server.generate.remote(" in source
    for argument in ("request_id=", "prompt_ids=", "sampling_params="):
        assert argument in source.partition("server.generate.remote(")[2]
    assert {"token_ids", "stop_reason"} <= set(TokenOutput.model_fields)


def test_v1_trainer_still_hands_a_custom_sampler_what_it_needs() -> None:
    from verl.trainer.ppo.v1.trainer_base import PPOTrainer

    source = inspect.getsource(PPOTrainer._build_replay_buffer)
    for argument in ("trainer_mode", "trainer_config", "max_off_policy_threshold", "sampler_kwargs", "refill_fn"):
        assert f"{argument}=" in source


@pytest.mark.parametrize("module", ["verl.model_merger.__main__", "verl.trainer.main_ppo"])
def test_what_we_start_as_a_command_is_still_there(module: str) -> None:
    """`python -m verl.model_merger` merges a checkpoint's shards, `python -m verl.trainer.main_ppo` trains."""
    assert importlib.util.find_spec(module)
