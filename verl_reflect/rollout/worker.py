"""Makes one of verl's agent-loop workers ready for our sessions, in its own process and on its own node.

verl's other way to name loops is a file (`rollout.agent.agent_loop_config_path`) that every worker reads at the same
path. This package may lie elsewhere on each node, so its loops are registered by name, and the file is the user's, for
loops of their own.
"""

import contextvars
import socket

from hydra.utils import get_class
from omegaconf import DictConfig
from verl.experimental.agent_loop.agent_loop import _agent_loop_registry, register

from verl_reflect.rollout import trace
from verl_reflect.rollout.reward_function import RewardFunction
from verl_reflect.rollout.ways import WAYS
from verl_reflect.tasks.registry import load_task


class NotReadyError(RuntimeError):
    """A worker would lose its sessions. The message names its node."""


def make_ready(worker: object, config: DictConfig) -> None:
    """Register our loops in this process and import what judges.

    Args:
        worker: verl's, as Ray hands it to a function that is called on it.

    Raises:
        NotReadyError: the reward function or a task cannot be imported here. Found out by a session, it would cost
            training all sessions of this worker, and count as failures in validation.
    """
    for way in WAYS.values():
        register(way.loop)(get_class(way.target))
    _know_the_attempt_loop(config)
    try:
        RewardFunction.from_config(config).load()
        for task in config.reflect.tasks:
            load_task(task)
    except (Exception, SystemExit) as error:  # importing a user's module can raise anything
        raise NotReadyError(
            f"The agent-loop worker on node {socket.gethostname()} cannot judge: {type(error).__name__}: {error}. "
            "Put the reward function and the modules of reflect.tasks on that node's PYTHONPATH; `verl-reflect doctor` "
            "looks at all nodes."
        ) from None
    trace.write_in(contextvars.copy_context())


def _know_the_attempt_loop(config: DictConfig) -> None:
    """verl has read the user's file of loops in this process: the one that makes attempts must be in it."""
    name = config.reflect.attempt_loop
    if name is not None and name not in _agent_loop_registry:
        raise NotReadyError(
            f"The agent-loop worker on node {socket.gethostname()} does not know reflect.attempt_loop={name}; name it "
            "in the file of actor_rollout_ref.rollout.agent.agent_loop_config_path on that node."
        )
