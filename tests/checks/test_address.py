"""Which Ray cluster a run would join: one answer, for all that ask."""

from pathlib import Path

import pytest
from checked import good_config

from verl_reflect.checks.run import Run, UnfitError

ADDRESS = "ray_kwargs.ray_init.address"


@pytest.fixture(autouse=True)
def _nothing_runs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray._private.services.find_gcs_addresses", lambda: set())


def cluster(folder: Path, *assignments: str) -> str | None:
    return Run(good_config(folder, *assignments)).cluster


def test_without_an_address_ray_starts_with_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cluster(tmp_path) is None
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert cluster(tmp_path, f"{ADDRESS}=local") is None


def test_an_address_in_the_configuration_goes_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert cluster(tmp_path) == "10.0.0.1:6379"
    assert cluster(tmp_path, f"{ADDRESS}=10.0.0.2:6379") == "10.0.0.2:6379"
    assert cluster(tmp_path, f"{ADDRESS}=ray://head:10001") == "ray://head:10001"


def test_a_head_that_ray_start_began_here_is_found(tmp_path: Path) -> None:
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("10.0.0.3:6379")
    assert cluster(tmp_path) == "10.0.0.3:6379"
    assert cluster(tmp_path, f"{ADDRESS}=auto") == "10.0.0.3:6379"


@pytest.mark.parametrize("address", ["nonsense", "auto"])
def test_an_address_that_is_none_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(UnfitError, match=f"{ADDRESS}={address} leads to no Ray cluster: "):
        cluster(tmp_path, f"{ADDRESS}={address}")
