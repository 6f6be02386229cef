"""`verl-reflect doctor`: does everything fit together, and if not, what to do.

It composes the configuration as verl would and runs the same checks as a run's own preflight, after a look at what is
installed. It matters that it loads the plugin itself: verl logs a plugin that raises at DEBUG, where nobody sees it.
"""

import os
import platform
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, entry_points, version

from hydra import compose, initialize_config_module
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from verl_reflect.checks.cluster import address_of
from verl_reflect.checks.every import CHECKS
from verl_reflect.checks.nodes import ENGINES
from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.finding import Finding

USUAL_OVERRIDES = ("+recipe=reflect_grpo", "+task=countdown")


def examine(overrides: list[str]) -> Iterator[Finding]:
    """Run all checks on the configuration that these Hydra overrides compose, one finding after the other."""
    yield _finding("python", _python)
    plugin = _finding("plugin", _plugin)
    yield plugin
    if not plugin.fit:
        return
    try:
        run = Run(composed(overrides))
    except (HydraException, UnfitError) as error:
        yield Finding("configuration", False, " ".join(str(error).split()))
        return
    yield _finding("rollout engine", lambda: _rollout_engine(run.config))
    yield _finding("ray", lambda: f"ray {version('ray')}")
    yield _finding("platform", lambda: _platform(run.config))
    for name, check in CHECKS.items():
        yield _finding(name, lambda check=check: check(run))  # type: ignore[misc]


def composed(overrides: list[str]) -> DictConfig:
    """verl's configuration with these overrides, or with the recipe's usual ones."""
    with initialize_config_module("verl.trainer.config", version_base=None):
        return compose("ppo_trainer", overrides=overrides or list(USUAL_OVERRIDES))


def _finding(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, check())
    except UnfitError as problem:
        return Finding(name, False, str(problem))
    except Exception as error:  # one broken check must not hide the others
        return Finding(name, False, f"{type(error).__name__}: {error}")


def _python() -> str:
    if not (3, 10) <= sys.version_info[:2] <= (3, 12):
        raise UnfitError(f"Python {platform.python_version()} runs here and verl wants 3.10 to 3.12; install one.")
    return f"Python {platform.python_version()}"


def _plugin() -> str:
    if not any(entry.value == "verl_reflect.plugin" for entry in entry_points(group="verl.plugins")):
        raise UnfitError(
            "verl does not know the plugin: install it into this environment with pip install verl-reflect."
        )
    allowed = os.environ.get("VERL_USE_EXTERNAL_PLUGINS", "auto")
    if allowed != "auto" and "reflect" not in allowed.split(","):
        raise UnfitError(f"VERL_USE_EXTERNAL_PLUGINS={allowed} keeps the plugin out; unset it or add reflect.")
    import verl  # noqa: F401

    from verl_reflect.plugin import register

    register()
    return f"verl-reflect {version('verl-reflect')} loads"


def _rollout_engine(config: DictConfig) -> str:
    name = config.actor_rollout_ref.rollout.name
    for package in ENGINES.get(name, [name]):
        try:
            return f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
    raise UnfitError(f"actor_rollout_ref.rollout.name is {name}, and {name} is not installed; install it.")


def _platform(config: DictConfig) -> str:
    import torch

    variables = OmegaConf.select(config, "ray_kwargs.ray_init.runtime_env.env_vars") or {}
    if variables.get("VERL_PLATFORM") == "cpu":
        return f"CPU, {os.cpu_count()} cores"
    wanted = config.trainer.n_gpus_per_node
    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} GPUs here, {wanted} a node wanted"
    if address := address_of(config):
        return f"no GPU here; the Ray cluster at {address} must have {wanted} a node"
    raise UnfitError(
        "No GPU is visible and no Ray cluster is named (RAY_ADDRESS, +ray_kwargs.ray_init.address, `ray start`); run "
        "on a GPU node, or add +hardware=cpu to train a tiny model on this machine's CPU."
    )
