"""Loading: in a fresh process and in a Ray worker, any number of times, for next to nothing, and only where wanted."""

import json
import subprocess
import sys
from typing import Any

import pytest
from omegaconf import OmegaConf

from verl_reflect import plugin

STATE = """
import json, sys, verl
from omegaconf import OmegaConf
from verl.plugin.platform import PlatformRegistry
print(json.dumps({
    "resolver": OmegaConf.has_resolver("verl_reflect.sum"),
    "cpu": PlatformRegistry.get("cpu") is not None,
    "modules": [name for name in sys.modules if name.startswith(("verl_reflect", "hydra"))],
}))
"""


def fresh_process(code: str, **environment: str) -> str:
    import os

    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip().splitlines()[-1]


def test_import_verl_loads_the_plugin_and_nothing_heavy() -> None:
    state: dict[str, Any] = json.loads(fresh_process(STATE))
    assert state["resolver"] and state["cpu"]
    loaded = {name for name in state["modules"] if name.startswith("verl_reflect")}
    assert not loaded & {
        "verl_reflect.rollout.loop",
        "verl_reflect.rollout.reward_manager",
        "verl_reflect.training.replay_buffer",
    }
    assert "hydra" not in state["modules"]


def test_verl_can_be_told_to_leave_it_out() -> None:
    state = json.loads(fresh_process(STATE, VERL_USE_EXTERNAL_PLUGINS="none"))
    assert not state["resolver"] and not state["cpu"] and not state["modules"]


def test_our_config_groups_are_on_the_search_path_of_verl_and_of_nobody_else() -> None:
    code = (
        "from hydra import compose, initialize_config_module\n"
        "from hydra.core.global_hydra import GlobalHydra\n"
        "with initialize_config_module('hydra', version_base=None):\n"
        "    paths = [p.path for p in GlobalHydra.instance().config_loader().get_search_path().get_path()]\n"
        "    print('pkg://verl_reflect.conf' in paths)"
    )
    assert fresh_process(code) == "False"
    assert fresh_process("import verl\n" + code) == "True"


def test_registering_again_changes_nothing() -> None:
    plugin.register()
    plugin.register()
    assert OmegaConf.create({"three": "${verl_reflect.sum:1,2}"}).three == 3


@pytest.mark.e2e
def test_it_loads_in_a_ray_worker() -> None:
    import ray

    @ray.remote
    def loaded() -> bool:
        import verl  # noqa: F401

        return OmegaConf.has_resolver("verl_reflect.sum")

    ray.init(num_cpus=1, include_dashboard=False)
    try:
        assert ray.get(loaded.remote())
    finally:
        ray.shutdown()
