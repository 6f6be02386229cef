"""What `pip install` puts on a machine, and so all that `pip uninstall` has to take away."""

import subprocess
import sys
import zipfile

import pytest
from builders import ROOT


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    out = tmp_path_factory.mktemp("wheel")
    source = out / "source"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(source)], check=True)
    options = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check", "-q", "-w", str(out)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(source)], check=True)
    [wheel] = out.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_the_wheel_has_files_of_its_own_only(names: list[str]) -> None:
    folders = {
        "/".join(name.split("/")[:2]) if name.startswith("hydra_plugins") else name.split("/")[0] for name in names
    }
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == {
        "verl_reflect",
        "hydra_plugins/verl_reflect_search_path",
    }


def test_the_wheel_has_what_is_not_python_too(names: list[str]) -> None:
    tracked = subprocess.run(["git", "ls-files", "verl_reflect"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(tracked.stdout.split()) - set(names) == set()
