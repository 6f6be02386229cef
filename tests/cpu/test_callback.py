"""`+hardware=cpu`: it composes with stock verl and with the recipe, in any order, and prepares the driver."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from builders import compose_config
from omegaconf import DictConfig, OmegaConf
from ray._private.resource_and_label_spec import ResourceAndLabelSpec  # what `ray.init` does before it starts anything
from verl.plugin.platform import get_platform, platform_manager

from verl_reflect.cpu.callback import UseCpu

CONF = Path(str(files("verl_reflect").joinpath("conf")))
OURS = sorted(path for path in CONF.rglob("*.yaml") if path.parent.name in {"recipe", "task", "any_engine"})
GRPO = "algorithm.adv_estimator=grpo"


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A driver whose platform and adaptations are put back afterwards."""
    import sys

    import torch.distributed

    monkeypatch.setenv("VERL_PLATFORM", "nvidia")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(platform_manager, "_current_platform", None)
    monkeypatch.setattr(torch.distributed, "init_process_group", torch.distributed.init_process_group)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    yield


def settings(config: DictConfig, prefix: str = "") -> dict[str, object]:
    """Every leaf of a config, by its dotted name."""
    found: dict[str, object] = {}
    for key, value in (OmegaConf.to_container(config) or {}).items():  # type: ignore[union-attr]
        name = f"{prefix}{key}"
        found |= settings(OmegaConf.create(value), f"{name}.") if isinstance(value, dict) else {name: value}
    return found


def test_it_composes_with_stock_verl() -> None:
    config = compose_config("+hardware=cpu", GRPO)
    OmegaConf.resolve(config)
    assert config.trainer.device == "cpu"
    assert config.ray_kwargs.ray_init.num_gpus == 1
    assert config.actor_rollout_ref.ref.strategy == "fsdp2"
    assert config.actor_rollout_ref.ref.optim.lr == config.actor_rollout_ref.actor.optim.lr
    assert all(isinstance(value, str) for value in config.ray_kwargs.ray_init.runtime_env.env_vars.values())


def test_verl_can_build_its_own_config_objects_from_it() -> None:
    from verl.utils.config import omega_conf_to_dataclass

    config = compose_config("+hardware=cpu", GRPO, "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=1")
    assert omega_conf_to_dataclass(config.actor_rollout_ref.actor).engine.strategy == "fsdp2"
    assert not omega_conf_to_dataclass(config.actor_rollout_ref.rollout).enable_sleep_mode


def test_the_order_of_the_groups_does_not_matter() -> None:
    one = compose_config("+recipe=reflect_grpo", "+task=countdown", "+hardware=cpu")
    other = compose_config("+hardware=cpu", "+task=countdown", "+recipe=reflect_grpo")
    assert one == other


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_no_recipe_or_task_undoes_it(path: Path) -> None:
    hardware = settings(OmegaConf.load(CONF / "hardware" / "cpu.yaml"))  # type: ignore[arg-type]
    other = settings(OmegaConf.load(path))  # type: ignore[arg-type]
    assert {name for name in hardware.keys() & other.keys() if hardware[name] != other[name]} <= {"defaults"}


def test_the_driver_becomes_a_cpu_process(driver: None) -> None:
    assert get_platform().device_name == "cuda"
    UseCpu().on_job_start(compose_config("+hardware=cpu", GRPO))
    assert get_platform().device_name == "cpu"


@pytest.mark.parametrize("hidden", ["", "NoDevFiles", "0"])
def test_ray_starts_where_devices_are_hidden(driver: None, monkeypatch: pytest.MonkeyPatch, hidden: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    with pytest.raises(ValueError, match="Attempting to start raylet with 2 GPU, but CUDA_VISIBLE_DEVICES contains"):
        ResourceAndLabelSpec(num_cpus=1, num_gpus=2).resolve(is_head=True)
    UseCpu().on_job_start(compose_config("+hardware=cpu", GRPO))
    ResourceAndLabelSpec(num_cpus=1, num_gpus=2).resolve(is_head=True)


def test_verl_leaves_the_device_of_the_config_alone(driver: None) -> None:
    from verl.utils.device import auto_set_device

    config = compose_config("+hardware=cpu", GRPO)
    UseCpu().on_job_start(config)
    auto_set_device(config)
    assert config.trainer.device == "cpu"


def test_a_critic_is_refused_in_one_sentence(driver: None) -> None:
    with pytest.raises(SystemExit, match=r"hardware=cpu: verl's critic needs flash attention.*adv_estimator=grpo\.$"):
        UseCpu().on_job_start(compose_config("+hardware=cpu", "algorithm.adv_estimator=gae"))
