"""What `pip install` puts on a machine, and so all that `pip uninstall` has to take away."""

import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from builders import ROOT

MEGABYTES = 2


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a clone, so of what is committed."""
    out = tmp_path_factory.mktemp("wheel")
    source = out / "source"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(source)], check=True)
    options = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check", "-q", "-w", str(out)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(source)], check=True)
    [wheel] = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    return zipfile.ZipFile(wheel).namelist()


@pytest.fixture(scope="module")
def metadata(wheel: Path, names: list[str]) -> Message:
    [name] = [name for name in names if name.endswith(".dist-info/METADATA")]
    return Parser().parsestr(zipfile.ZipFile(wheel).read(name).decode())


def test_the_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size <= MEGABYTES * 10**6


def test_the_wheel_has_files_of_its_own_only(names: list[str]) -> None:
    folders = {
        "/".join(name.split("/")[:2]) if name.startswith("hydra_plugins") else name.split("/")[0] for name in names
    }
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == {
        "verl_reflect",
        "hydra_plugins/verl_reflect_search_path",
    }


def test_the_wheel_has_no_research(names: list[str]) -> None:
    weights = [name for name in names if name.endswith(".safetensors")]
    assert weights == ["verl_reflect/demo/checkpoint/model.safetensors"]
    assert not [name for name in names if "replica" in name or "warm_start" in name or name.endswith(".md")]


def test_the_wheel_has_what_is_not_python_too(names: list[str]) -> None:
    tracked = subprocess.run(["git", "ls-files", "verl_reflect"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(tracked.stdout.split()) - set(names) == set()


def test_the_wheel_says_that_it_is_typed(names: list[str]) -> None:
    assert "verl_reflect/py.typed" in names


def test_no_dependency_has_an_upper_bound_that_could_move_what_is_installed(metadata: Message) -> None:
    """Beside an existing deployment nothing of the user's may move, and a verl from source is one."""
    from packaging.requirements import Requirement

    for each in map(Requirement, metadata.get_all("Requires-Dist") or []):
        assert {part.operator for part in each.specifier} <= {">="}, each


def test_extras_follow_verls_own(metadata: Message) -> None:
    asked = metadata.get_all("Requires-Dist") or []
    for extra, verls in (("vllm", "vllm"), ("sglang", "sglang"), ("gpu", "fsdp")):
        assert f'verl[{verls}]>=0.9.1; extra == "{extra}"' in asked
