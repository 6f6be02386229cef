"""What the plugin stands on in verl and TransferQueue, by name, and whether the installed ones have it.

Version numbers do not tell: a checkout between two releases calls itself by the next one, and may lack what the last
one has. So the names are looked for, in the sources: to import them all takes seconds, and makes verl choose a device.
tests/repository/test_verl_imports.py keeps the two tables equal to what the package uses.
"""

import ast
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec, resolve_name
from pathlib import Path

TESTED = ("0.9.1",)
"""Versions of verl that all tests were run with."""

_LOOP = "verl.experimental.agent_loop.agent_loop"
_MANAGER = "verl.experimental.reward_loop.reward_manager"
_V1 = "verl.trainer.ppo.v1"
_TRACE = "verl.utils.rollout_trace"
_REPLICA = "verl.workers.rollout.replica"
_VLLM = "verl.workers.rollout.vllm_rollout.vllm_async_server"

NAMES: Mapping[str, str] = {
    "verl.DataProto": "what a reward manager is given",
    f"{_LOOP}.AgentLoopBase": "the agent loop",
    f"{_LOOP}.AgentLoopBase.config": "the agent loop's settings",
    f"{_LOOP}.AgentLoopBase.loop": "work beside the agent loop",
    f"{_LOOP}.AgentLoopBase.rollout_config": "the longest prompt",
    f"{_LOOP}.AgentLoopBase.run": "a session",
    f"{_LOOP}.AgentLoopBase.server_manager": "the model that answers",
    f"{_LOOP}.AgentLoopBase.tokenizer": "words from tokens",
    f"{_LOOP}.AgentLoopMetrics": "a session's times",
    f"{_LOOP}.ToolListWrap": "the tools of the loop that plays attempts",
    f"{_LOOP}._agent_loop_registry": "the loop that plays attempts",
    f"{_LOOP}.AgentLoopOutput": "the training row",
    f"{_LOOP}.register": "our loops in each worker",
    f"{_LOOP}.DictConfigWrap": "an agent loop's configuration, in an evaluation",
    "verl.experimental.agent_loop.tool_parser.ToolParser": "the check of the tool loop",
    "verl.utils.import_utils.resolve_config_path": "the check of the tool loop",
    f"{_MANAGER}.base.RewardManagerBase": "the reward manager",
    f"{_MANAGER}.base.RewardManagerBase.run_single": "a session's reward",
    f"{_MANAGER}.register": "the reward manager's name",
    "verl.tools.function_tool.FunctionTool": "tools that cannot be reached",
    "verl.trainer.constants_ppo.get_ppo_ray_runtime_env": "servers without a trainer",
    "verl.trainer.ppo.core_algos.ADV_ESTIMATOR_REGISTRY": "the check of names",
    "verl.trainer.ppo.core_algos.POLICY_LOSS_REGISTRY": "the check of names",
    "verl.trainer.ppo.core_algos.compute_grpo_outcome_advantage": "the advantages of controls",
    "verl.trainer.ppo.core_algos.register_adv_est": "the estimators of controls",
    "verl.trainer.ppo.rollout_corr_helper.SUPPORTED_ROLLOUT_RS_OPTIONS": "the check of names",
    f"{_V1}.agent_loop_tq.AgentLoopManagerTQ": "the start of sessions",
    f"{_V1}.agent_loop_tq.AgentLoopManagerTQ.config": "our loops in each worker",
    f"{_V1}.agent_loop_tq.AgentLoopManagerTQ.create": "our loops in each worker",
    f"{_V1}.agent_loop_tq.AgentLoopManagerTQ.generate_sequences": "the start of sessions",
    f"{_V1}.replay_buffer.ReplayBuffer": "the choice of groups",
    f"{_V1}.replay_buffer.ReplayBuffer._clear_groups": "groups that a step does not need",
    f"{_V1}.replay_buffer.ReplayBuffer._sampleable_terminal_keys": "the end of a step with live first attempts",
    f"{_V1}.replay_buffer.ReplayBuffer._sync_metadata_from_transfer_queue": "how long a look at the queue takes",
    f"{_V1}.replay_buffer.ReplayBuffer._terminal_eviction_reasons": "groups that are replaced",
    f"{_V1}.replay_buffer.ReplayBuffer.failure_keys": "groups that failed",
    f"{_V1}.replay_buffer.ReplayBuffer.finished_keys": "groups that are done",
    f"{_V1}.replay_buffer.ReplayBuffer.partitions": "the rows of groups that are done",
    f"{_V1}.replay_buffer.ReplayBuffer.pending_keys": "groups on their way",
    f"{_V1}.replay_buffer.ReplayBuffer.running_keys": "groups on their way",
    f"{_V1}.replay_buffer.ReplayBuffer.sample": "a step's groups",
    f"{_V1}.replay_buffer.ReplayBufferAsync": "the choice of groups under the asynchronous trainers",
    "verl.trainer.ppo.utils.need_critic": "the check of what verl refuses",
    "verl.trainer.ppo.utils.need_reference_policy": "the check of what verl refuses",
    "verl.utils.config.omega_conf_to_dataclass": "the check of what verl refuses",
    "verl.utils.config.validate_config": "the check of what verl refuses",
    "verl.utils.dataset.rl_dataset.RLHFDataset": "the data",
    "verl.utils.dataset.rl_dataset.RLHFDataset.original_data_files": "which data are trained on",
    "verl.utils.device.is_npu_available": "the look for accelerators",
    "verl.utils.fs.copy_to_local": "models and data on HDFS",
    f"{_TRACE}.RolloutTraceConfig": "traces of sessions",
    f"{_TRACE}.rollout_trace_attr": "traces of sessions",
    f"{_TRACE}.rollout_trace_op": "traces of sessions",
    "verl.utils.tensordict_utils.assign_non_tensor_data": "telling a validation from a training step",
    "verl.utils.tokenizer.continuous_token_wiring.create_continuous_token_builder": "whether verl can make a session",
    "verl.utils.tokenizer.hf_processor": "whether verl can make a session",
    "verl.workers.rollout.llm_server.LLMServerClient.generate": "the model that answers",
    f"{_REPLICA}.RolloutReplica.init_standalone": "servers without a trainer",
    f"{_REPLICA}.RolloutReplica.server_address": "servers without a trainer",
    f"{_REPLICA}.RolloutReplica.server_handle": "servers without a trainer",
    f"{_REPLICA}.TokenOutput": "an answer",
    f"{_REPLICA}.get_rollout_replica_class": "servers without a trainer",
    "verl.workers.rollout.utils.get_vision_placeholder_token_ids": "answers of tokens that the training may write too",
    f"{_VLLM}.vLLMHttpServer": "servers without a trainer",
    f"{_VLLM}.vLLMHttpServer._server_address": "servers without a trainer",
    f"{_VLLM}.vLLMHttpServer.config": "servers without a trainer",
    f"{_VLLM}.vLLMHttpServer.get_server_address": "servers without a trainer",
    f"{_VLLM}.vLLMHttpServer.model_config": "servers without a trainer",
    f"{_VLLM}.vLLMHttpServer.replica_rank": "servers without a trainer",
    f"{_VLLM}.vLLMHttpServer.run_server": "servers without a trainer",
    f"{_VLLM}.vLLMReplica": "servers without a trainer",
    "transfer_queue.KVBatchMeta": "a step's rows",
    "transfer_queue.kv_batch_get": "what a session left behind",
    "transfer_queue.kv_list": "groups that a checkpoint of an asynchronous trainer holds",
}
"""What is used of verl and TransferQueue, and for what."""

ON_CPU: Mapping[str, str] = {
    "verl.checkpoint_engine.CheckpointEngine": "weights for servers of their own",
    "verl.checkpoint_engine.CheckpointEngineRegistry": "weights for servers of their own",
    "verl.plugin.platform.PlatformBase": "the CPU as a device",
    "verl.plugin.platform.PlatformRegistry": "the CPU as a device",
    "verl.plugin.platform.set_platform": "the CPU as a device",
}
"""What hardware=cpu needs besides."""


def missing(names: Iterable[str]) -> list[str]:
    """Those of these names that are not there."""
    return [name for name in names if not is_there(name)]


def is_there(name: str) -> bool:
    """Whether a dotted name is a module, or is bound in one: a function, a class, or a class's method or attribute."""
    return _find_in_module(*_split(name))


def _split(name: str) -> tuple[str, tuple[str, ...]]:
    """The longest part that is a module, and the rest."""
    parts = name.split(".")
    ends = (end for end in range(len(parts), 0, -1) if _source(".".join(parts[:end])))
    end = next(ends, 0)
    return ".".join(parts[:end]), tuple(parts[end:])


def _find_in_module(module: str, rest: tuple[str, ...]) -> bool:
    if not module or not rest:
        return bool(module)
    bound = _bound(module).get(rest[0])
    if isinstance(bound, str):  # imported: look where it comes from, if that is somewhere else
        return len(rest) == 1 or is_there(".".join((bound, *rest[1:])))
    if isinstance(bound, ast.ClassDef) and len(rest) == 2:
        return rest[1] in _members(bound) or any(
            _find_in_module(module, (base.id, rest[1])) for base in bound.bases if isinstance(base, ast.Name)
        )
    return bound is not None and len(rest) == 1


@cache
def _source(module: str) -> Path | None:
    """A module's file, found without importing the packages that it is in."""
    package, *parts = module.split(".")
    try:
        spec = find_spec(package)
    except ValueError:
        return None
    if spec is None or spec.origin is None or not os.path.isfile(spec.origin):
        return None
    path = Path(spec.origin).parent.joinpath(*parts)
    files = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in files if file.is_file()), None)


@cache
def _bound(module: str) -> dict[str, ast.stmt | str]:
    """What a module's source binds: the statement that does, or for an import the full name of what is imported."""
    source = _source(module)
    assert source is not None
    package = module if source.name == "__init__.py" else module.rpartition(".")[0]
    bound: dict[str, ast.stmt | str] = {}
    for statement in _flat(ast.parse(source.read_text(encoding="utf-8")).body):
        bound |= _bindings(statement, package)
    return bound


def _flat(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements, and those under a condition or a `try`."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try):
            yield from _flat([*statement.body, *statement.orelse])
        if isinstance(statement, ast.Try):
            yield from _flat(line for handler in statement.handlers for line in handler.body)


def _bindings(statement: ast.stmt, package: str) -> dict[str, ast.stmt | str]:
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return {statement.name: statement}
    if isinstance(statement, ast.ImportFrom):
        origin = resolve_name("." * statement.level + (statement.module or ""), package)
        return {alias.asname or alias.name: f"{origin}.{alias.name}" for alias in statement.names}
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return {target.id: statement for target in targets if isinstance(target, ast.Name)}
    return {}


def _members(of: ast.ClassDef) -> set[str]:
    """Methods, fields, and what its methods set on `self`."""
    declared = {name for statement in _flat(of.body) for name in _bindings(statement, "")}
    return declared | {
        node.attr
        for node in ast.walk(of)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self"
    }
