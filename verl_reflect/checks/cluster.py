"""A visit to the Ray cluster that a run would join, before the run."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from omegaconf import DictConfig, OmegaConf

from verl_reflect.checks.address import first_line, given, source_of
from verl_reflect.checks.run import UnfitError

ONLY_FOR_A_RAY_OF_ITS_OWN = ("num_cpus", "num_gpus", "resources", "labels", "object_store_memory", "_system_config")
"""Arguments that `ray.init` refuses when it joins a cluster."""
SECONDS_TO_CONNECT = 10.0


def ray_arguments(config: DictConfig) -> dict[str, Any]:
    """What verl's `main_ppo.run_ppo` gives to `ray.init`."""
    from verl.trainer.constants_ppo import get_ppo_ray_runtime_env

    verls: Any = get_ppo_ray_runtime_env(config)  # type: ignore[no-untyped-call]
    arguments = given(config)
    runtime_env = OmegaConf.merge(verls, arguments.get("runtime_env") or {})
    container = OmegaConf.to_container(OmegaConf.create({**arguments, "runtime_env": runtime_env}), resolve=True)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


@contextmanager
def joined(config: DictConfig, address: str) -> Iterator[None]:
    """This process in the cluster, with the run's own runtime environment, until the block ends.

    Raises:
        UnfitError: the run could not join it either.
    """
    if ray.is_initialized():
        yield
        return
    arguments = ray_arguments(config)
    for name in ONLY_FOR_A_RAY_OF_ITS_OWN:
        if arguments.get(name):
            raise UnfitError(
                f"ray_kwargs.ray_init.{name} is for a Ray of the run's own, and there is a Ray cluster at {address} "
                f"({source_of(config)}); set ray_kwargs.ray_init.{name}=null to join that, or "
                "+ray_kwargs.ray_init.address=local to leave it alone."
            )
    _check_anyone_listens(config, address)
    try:
        ray.init(**{**arguments, "address": address, "log_to_driver": False, "logging_level": "ERROR"})
    except (Exception, SystemExit) as error:  # Ray ends a process that waits too long
        raise UnfitError(
            f"The Ray cluster at {address} ({source_of(config)}) cannot be joined: {first_line(error)}"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _check_anyone_listens(config: DictConfig, address: str) -> None:
    """Ray would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_CONNECT).close()
    except (OSError, ValueError) as error:
        raise UnfitError(
            f"No Ray cluster answers at {address} ({source_of(config)}): {first_line(error)}. Start it with `ray start "
            "--head`, correct the address, or set +ray_kwargs.ray_init.address=local for a Ray of the run's own."
        ) from error
