"""GPUs that are not here are missed only where no cluster could have them."""

from pathlib import Path

import pytest
from checked import good_config
from hydra.core.utils import JobReturn

from verl_reflect.checks.machine import check_platform
from verl_reflect.checks.preflight import Preflight
from verl_reflect.checks.run import Run, UnfitError


@pytest.fixture(autouse=True)
def _gpus(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)


def test_fewer_than_wanted_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnfitError, match="asks for more GPUs than the 2 of this machine, and no Ray cluster is named"):
        check_platform(Run(good_config(tmp_path)))
    assert check_platform(Run(good_config(tmp_path, "trainer.n_gpus_per_node=2"))) == "2 GPUs here, 2 a node wanted"


def test_a_machine_without_any_is_told_both_ways_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with pytest.raises(UnfitError, match=r"No GPU is visible .* add \+hardware=cpu"):
        check_platform(Run(good_config(tmp_path)))
    address = "ray_kwargs.ray_init.address=10.0.0.1:6379"
    assert "the Ray cluster at 10.0.0.1:6379" in check_platform(Run(good_config(tmp_path, address)))


def test_a_run_without_any_ends_in_that_sentence_before_ray_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with pytest.raises(SystemExit, match=r"^verl-reflect: No GPU is visible .* add \+hardware=cpu"):
        Preflight().on_job_start(good_config(tmp_path, "ray_kwargs.ray_init.address=local"), job_return=JobReturn())


def test_the_preflight_warns_of_too_few_and_leaves_the_count_to_ray(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    attention = "actor_rollout_ref.model.override_config.attn_implementation=sdpa"  # whatever is installed
    Preflight().on_job_start(good_config(tmp_path, attention), job_return=JobReturn())
    assert "verl-reflect: warning: trainer.nnodes=1 times trainer.n_gpus_per_node=8" in capsys.readouterr().err
