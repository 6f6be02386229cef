"""Ray's count of CPUs: below what verl's processes ask for, a run would wait for ever."""

from pathlib import Path

import pytest
from checked import good_config

from verl_reflect.checks import ray_cpus
from verl_reflect.checks.ray_cpus import check_ray_cpus
from verl_reflect.checks.run import Run
from verl_reflect.finding import Doubt

ONE_GPU = "trainer.n_gpus_per_node=1"


def said(folder: Path, *assignments: str) -> str:
    return check_ray_cpus(Run(good_config(folder, *assignments)))


@pytest.mark.parametrize(("count", "enough"), [(12, False), (13, True), (32, True)])
def test_a_count_in_the_configuration(tmp_path: Path, count: int, enough: bool) -> None:
    remark = said(tmp_path, ONE_GPU, f"ray_kwargs.ray_init.num_cpus={count}")
    assert isinstance(remark, Doubt) is not enough
    assert enough or "set ray_kwargs.ray_init.num_cpus=13" in remark


def test_the_cores_of_a_machine_with_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert not isinstance(said(tmp_path, ONE_GPU), Doubt), "the GPU is elsewhere"
    monkeypatch.setattr(ray_cpus, "_has_accelerator", lambda: True)
    remark = said(tmp_path, ONE_GPU)
    assert isinstance(remark, Doubt) and "Ray counts 8 CPUs (the cores of this machine)" in remark


def test_a_cluster_has_its_own_count(tmp_path: Path) -> None:
    assert not isinstance(said(tmp_path, "ray_kwargs.ray_init.address=10.0.0.1:6379"), Doubt)
