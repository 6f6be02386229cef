"""The process group starts where the CPU is the device: its backend names each device once (#6237)."""

import pytest
import torch

from verl.utils import distributed


@pytest.fixture
def one_rank(monkeypatch):
    place = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "0"}
    for name, value in place.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DIST_INIT_METHOD", raising=False)
    monkeypatch.setattr(distributed, "get_torch_device", lambda: torch.cpu)
    yield
    distributed.destroy_global_process_group()


def on(device, backend, monkeypatch):
    monkeypatch.setattr(distributed, "get_device_name", lambda: device)
    monkeypatch.setattr(distributed, "get_nccl_backend", lambda: backend)


@pytest.mark.parametrize("named", ["gloo", "nccl"])
@pytest.mark.parametrize("start", ["initialize_global_process_group", "initialize_global_process_group_ray"])
def test_the_cpu_is_a_device(one_rank, monkeypatch, start, named):
    on("cpu", named, monkeypatch)
    getattr(distributed, start)()
    total = torch.tensor([3.0])
    torch.distributed.all_reduce(total)
    assert total.item() == 3.0


@pytest.mark.parametrize("start", ["initialize_global_process_group", "initialize_global_process_group_ray"])
def test_an_accelerator_keeps_both_backends(one_rank, monkeypatch, start):
    asked = []
    on("npu", "hccl", monkeypatch)
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda backend, **kwargs: asked.append(backend))
    getattr(distributed, start)()
    assert asked == ["cpu:gloo,npu:hccl"]
