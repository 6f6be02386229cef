"""Everything that can be known to be wrong before a model is loaded. Used by the preflight and by `verl-reflect
doctor`.

A check returns one line on what it found in order, or a `Doubt` if a person should read it although the run can start,
or raises `UnfitError` with one sentence that says what to do.
"""

from collections.abc import Callable

from verl_reflect.checks.adapter import check_adapter
from verl_reflect.checks.agent_loop import check_agent_loop
from verl_reflect.checks.asynchrony import check_asynchrony
from verl_reflect.checks.attempt_loop import check_attempt_loop
from verl_reflect.checks.batches import check_batches
from verl_reflect.checks.chat_template import check_chat_template
from verl_reflect.checks.config import check_keys, check_settings, check_verl
from verl_reflect.checks.cpu import check_cpu
from verl_reflect.checks.data import check_data
from verl_reflect.checks.engine import check_attention, check_rollout_engine
from verl_reflect.checks.failures import check_failure_set
from verl_reflect.checks.folders import check_folders
from verl_reflect.checks.group import check_group
from verl_reflect.checks.guards import check_guards
from verl_reflect.checks.lengths import check_budget
from verl_reflect.checks.loggers import check_loggers
from verl_reflect.checks.mesh import check_heads
from verl_reflect.checks.model_files import check_model_files
from verl_reflect.checks.names import check_names
from verl_reflect.checks.nodes import check_nodes
from verl_reflect.checks.prompts import check_prompts
from verl_reflect.checks.ray_cpus import check_ray_cpus
from verl_reflect.checks.reward import check_reward
from verl_reflect.checks.run import Run
from verl_reflect.checks.run_folders import check_run_folders
from verl_reflect.checks.sampler import check_sampler
from verl_reflect.checks.steps import check_rows, check_steps
from verl_reflect.checks.trace import check_trace
from verl_reflect.checks.trainer import check_moved_keys, check_trainer
from verl_reflect.checks.verls_own import check_verls_own

CHECKS: dict[str, Callable[[Run], str]] = {
    "verl": check_verl,
    "settings": check_settings,
    "keys": check_keys,
    "reward function": check_reward,
    "trainer": check_trainer,
    "moved keys": check_moved_keys,
    "asynchrony": check_asynchrony,
    "rollout engine": check_rollout_engine,
    "names": check_names,
    "agent loop": check_agent_loop,
    "attempt loop": check_attempt_loop,
    "group": check_group,
    "batches": check_batches,
    "steps": check_steps,
    "guards": check_guards,
    "loggers": check_loggers,
    "folders": check_folders,
    "attention": check_attention,
    "model files": check_model_files,
    "chat template": check_chat_template,
    "sequence parallel": check_heads,
    "adapter": check_adapter,
    "token budget": check_budget,
    "sampler": check_sampler,
    "cpu": check_cpu,
    "data": check_data,
    "prompts": check_prompts,
    "failure set": check_failure_set,
    "rows": check_rows,
    "run folders": check_run_folders,
    "trace": check_trace,
    "verl's own": check_verls_own,
    "Ray's CPUs": check_ray_cpus,
    "nodes": check_nodes,
}
