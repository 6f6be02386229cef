"""Everything we use of verl and TransferQueue. If they move, this fails first and says what moved.

The two tables of verl_reflect/checks/verl_names.py are what preflight and doctor look for. Here they are held against
our source: a new import, or a new use of what verl's classes give, has to be added there, where a reviewer sees what
the plugin stands on.
"""

import ast
import importlib
import importlib.util
import inspect
import logging
from collections.abc import Iterator
from types import ModuleType

import pytest
from builders import ROOT

from verl_reflect.checks.verl_names import NAMES, ON_CPU, is_there
from verl_reflect.cpu.vllm_metadata import known

PACKAGE = ROOT / "verl_reflect"
SOURCES = {path.relative_to(PACKAGE): ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}
INHERITED = (
    "verl.experimental.agent_loop.agent_loop.AgentLoopBase",
    "verl.experimental.reward_loop.reward_manager.base.RewardManagerBase",
    "verl.trainer.ppo.v1.agent_loop_tq.AgentLoopManagerTQ",
    "verl.trainer.ppo.v1.replay_buffer.ReplayBuffer",
    "verl.utils.dataset.rl_dataset.RLHFDataset",
    "verl.workers.rollout.vllm_rollout.vllm_async_server.vLLMHttpServer",
    "verl.workers.rollout.vllm_rollout.vllm_async_server.vLLMReplica",
)
"""Classes of verl's that ours inherit from."""
level = logging.root.level
with known():  # verl looks for vLLM when it is first imported
    importlib.import_module("verl.workers.rollout.vllm_rollout.vllm_async_server")
logging.root.setLevel(level)  # which that has raised, and other tests read warnings

# What we override or call on those classes: (class, method, parameters it must have).
METHODS = [
    (
        "verl.experimental.agent_loop.agent_loop.AgentLoopBase",
        "__init__",
        ["trainer_config", "server_manager", "tokenizer", "processor", "dataset_cls", "data_config", "hf_model_type"],
    ),
    ("verl.experimental.agent_loop.agent_loop.AgentLoopBase", "run", ["sampling_params", "kwargs"]),
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
        "_sampleable_terminal_keys",
        ["partition_id", "eviction_reasons"],
    ),
    ("verl.trainer.ppo.v1.replay_buffer.ReplayBuffer", "_clear_groups", ["partition_id", "uids"]),
    ("verl.trainer.ppo.v1.replay_buffer.ReplayBuffer", "_sync_metadata_from_transfer_queue", []),
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
    ("verl.workers.rollout.vllm_rollout.vllm_async_server.vLLMHttpServer", "run_server", ["args"]),
    ("verl.workers.rollout.vllm_rollout.vllm_async_server.vLLMHttpServer", "get_server_address", []),
]
REPLICA = "verl.workers.rollout.replica.RolloutReplica"
GIVEN = {f"{REPLICA}.server_address", f"{REPLICA}.server_handle"} | {
    f"{owner}.{method}" for owner, method, _ in METHODS if owner not in INHERITED and not method.startswith("__")
}
"""What we use of objects that verl hands us, so that no import says it."""


def imports_of(tree: ast.Module) -> Iterator[str]:
    """What a source imports from verl and TransferQueue, by full name; of a module, what it uses of it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}": alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names = {alias.name: alias.asname or alias.name for alias in node.names}
        else:
            continue
        for name, called in names.items():
            if name.split(".")[0] in ("verl", "transfer_queue"):
                yield from _used_of(name, called, tree)


def _used_of(name: str, called: str, tree: ast.Module) -> Iterator[str]:
    if not isinstance(resolve(name), ModuleType):
        yield name
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == called:
            yield f"{name}.{node.attr}"


def resolve(name: str) -> object:
    """A module, what it binds, or a method, by importing it."""
    owner, _, attribute = name.rpartition(".")
    if importlib.util.find_spec(owner or name) is None or not owner:
        return importlib.import_module(name)
    module = importlib.import_module(owner)
    return getattr(module, attribute) if hasattr(module, attribute) else importlib.import_module(name)


def heirs(base: str) -> list[ast.ClassDef]:
    """Our classes that inherit from one of verl's, at any distance."""
    classes = [node for tree in SOURCES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    names = {base.rpartition(".")[2]}
    for _ in classes:
        names |= {each.name for each in classes if {ast.unparse(parent) for parent in each.bases} & names}
    return [each for each in classes if each.name in names]


def taken_from(base: str) -> set[str]:
    """What our heirs of a class use of it or override, by full name."""
    nodes = [node for heir in heirs(base) for node in ast.walk(heir)]
    own = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    reached = [(ast.unparse(node.value), node) for node in nodes if isinstance(node, ast.Attribute)]
    assigned = {node.attr for owner, node in reached if owner == "self" and isinstance(node.ctx, ast.Store)}
    used = {node.attr for owner, node in reached if owner == "self"} - own - assigned
    from_super = {node.attr for owner, node in reached if owner == "super()"}
    used |= (from_super | own) & set(dir(resolve(base)))
    return {f"{base}.{name}" for name in used if not name.startswith("__")}


def test_the_tables_have_all_that_we_use_and_nothing_else() -> None:
    on_cpu = {name for path, tree in SOURCES.items() if path.parts[0] == "cpu" for name in imports_of(tree)}
    elsewhere = {name for path, tree in SOURCES.items() if path.parts[0] != "cpu" for name in imports_of(tree)}
    assert NAMES.keys() == elsewhere | GIVEN | {name for base in INHERITED for name in taken_from(base)}
    assert ON_CPU.keys() == on_cpu - elsewhere


def test_one_file_knows_the_queue_and_the_inside_of_the_trainer() -> None:
    knowing = {
        str(path)
        for path, tree in SOURCES.items()
        if any(name.startswith(("transfer_queue.", "verl.trainer.ppo.v1.")) for name in imports_of(tree))
    }
    assert knowing == {"training/queue.py"}


@pytest.mark.parametrize("name", sorted({*NAMES, *ON_CPU}))
def test_it_is_still_there(name: str) -> None:
    assert is_there(name)


@pytest.mark.parametrize("name", sorted({*NAMES, *ON_CPU} - {n for b in INHERITED for n in taken_from(b)} - GIVEN))
def test_what_preflight_reads_in_the_sources_is_what_an_import_finds(name: str) -> None:
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


def test_a_replicas_actor_still_makes_its_engine_of_its_arguments_in_one_place() -> None:
    from verl.workers.rollout.vllm_rollout.vllm_async_server import vLLMHttpServer, vLLMReplica

    assert "await self.run_server(server_args)" in inspect.getsource(vLLMHttpServer.launch_server)
    assert '"monkey_patch_model"' in inspect.getsource(vLLMHttpServer.run_server)
    assert "self.server_class.options(" in inspect.getsource(vLLMReplica.launch_servers)


def test_a_manager_still_deals_its_workers_the_prompts_in_their_order() -> None:
    """So that which worker comes first decides who gets what is left over."""
    from verl.trainer.ppo.v1.agent_loop_tq import AgentLoopManagerTQ

    source = inspect.getsource(AgentLoopManagerTQ.generate_sequences)
    assert "prompts.chunk(len(self.agent_loop_workers))" in source
    assert "zip(self.agent_loop_workers, chunkes" in source


def test_v1_trainer_still_hands_a_custom_sampler_what_it_needs() -> None:
    from verl.trainer.ppo.v1.trainer_base import PPOTrainer

    source = inspect.getsource(PPOTrainer._build_replay_buffer)
    for argument in ("trainer_mode", "trainer_config", "max_off_policy_threshold", "sampler_kwargs", "refill_fn"):
        assert f"{argument}=" in source


@pytest.mark.parametrize("module", ["verl.model_merger.__main__", "verl.trainer.main_ppo"])
def test_what_we_start_as_a_command_is_still_there(module: str) -> None:
    """`python -m verl.model_merger` merges a checkpoint's shards, `python -m verl.trainer.main_ppo` trains."""
    assert importlib.util.find_spec(module)
