"""What keeps a run from joining a Ray cluster."""

import socket
import time
from collections.abc import Callable, Iterator

import pytest
from omegaconf import DictConfig, OmegaConf

from verl_reflect.checks.cluster import ONLY_FOR_A_RAY_OF_ITS_OWN, joined, ray_arguments
from verl_reflect.checks.run import UnfitError

Config = Callable[..., DictConfig]


@pytest.fixture
def config(recipe_config: Config) -> Config:
    """The recipe's, with keys that verl's has not, as with a `+` on the command line."""

    def with_new(*assignments: str) -> DictConfig:
        config = recipe_config()
        OmegaConf.set_struct(config, False)
        config.merge_with_dotlist(list(assignments))
        return config

    return with_new


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_cluster_that_is_not_there_is_refused_at_once(scheme: str, config: Config, nobody: str) -> None:
    run, began = config(f"ray_kwargs.ray_init.address={scheme}{nobody}"), time.monotonic()
    with (
        pytest.raises(UnfitError, match=r"No Ray cluster answers at .* Start it with `ray start"),
        joined(run, nobody),
    ):
        pass
    assert time.monotonic() - began < 30, "Ray itself tries for minutes"


@pytest.mark.parametrize("name", ONLY_FOR_A_RAY_OF_ITS_OWN[:2])
def test_what_ray_refuses_in_a_cluster_is_named(name: str, config: Config, nobody: str) -> None:
    run = config(f"ray_kwargs.ray_init.{name}=2")
    with pytest.raises(UnfitError, match=rf"set ray_kwargs.ray_init.{name}=null to join that"), joined(run, nobody):
        pass


def test_the_run_is_visited_with_its_own_environment(config: Config) -> None:
    arguments = ray_arguments(config("ray_kwargs.ray_init.runtime_env.env_vars.MINE=here"))
    assert arguments["runtime_env"]["env_vars"].items() >= {"MINE": "here", "NCCL_DEBUG": "WARN"}.items()
