"""A verl that lacks what the plugin stands on is refused in one sentence; one that was never tried is let through."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import compose_config
from omegaconf import DictConfig

from verl_reflect.checks import config as checks
from verl_reflect.checks.config import check_verl
from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.checks.verl_names import ON_CPU, TESTED, is_there, missing
from verl_reflect.finding import Doubt

SOURCES = {
    "__init__.py": "from .inner import Base as Root\nfrom abc import ABC\n",
    "inner/__init__.py": "from .base import Base, helper\nfrom pandemonium.inner import base as again\n",
    "inner/base.py": (
        "raise RuntimeError('nobody imports this')\n"
        "class Base:\n    field: int\n"
        "    def __init__(self):\n        self.made: dict = {}\n        passing = other.made_elsewhere = 1\n"
        "class Heir(Base):\n    async def method(self): ...\n"
        "if True:\n    try:\n        def helper(): ...\n    except ImportError:\n        helper = fallback = None\n"
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    for name, source in SOURCES.items():
        path = folder / "pandemonium" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return folder


@pytest.fixture(autouse=True)
def _installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(folder)


@pytest.mark.parametrize(
    "name",
    [
        "pandemonium.inner.base",
        "pandemonium.inner.base.Base",
        "pandemonium.inner.base.Base.field",
        "pandemonium.inner.base.Base.made",
        "pandemonium.inner.base.Heir.method",
        "pandemonium.inner.base.Heir.made",
        "pandemonium.inner.base.fallback",
        "pandemonium.inner.helper",
        "pandemonium.Root.__init__",
        "pandemonium.inner.again.Heir.field",
    ],
)
def test_a_name_is_found_where_an_import_would_find_it_without_importing_it(name: str) -> None:
    assert is_there(name)
    assert "pandemonium" not in sys.modules


@pytest.mark.parametrize(
    "name",
    [
        "pandemoniac",
        "pandemonium.outer",
        "pandemonium.inner.Heir",
        "pandemonium.inner.base.passing",
        "pandemonium.inner.base.Base.passing",
        "pandemonium.inner.base.Base.made_elsewhere",
        "pandemonium.inner.base.Base.method",
        "pandemonium.inner.base.Heir.method.more",
        "pandemonium.inner.helper.attribute",
        "pandemonium.ABC.register",
    ],
)
def test_what_is_not_there_is_missing(name: str) -> None:
    assert missing([name, "pandemonium.Root"]) == [name]


@pytest.fixture
def run(recipe_config: Callable[..., DictConfig]) -> Run:
    return Run(recipe_config())


def test_the_tested_verl_passes_without_a_doubt(run: Run) -> None:
    assert check_verl(run) == f"verl {TESTED[-1]}" and not isinstance(check_verl(run), Doubt)


def test_a_checkout_that_lacks_names_is_refused_by_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {f"pandemonium.{letter}": f"what {letter} is for" for letter in "abcde"}
    monkeypatch.setattr(checks, "NAMES", {**names, "pandemonium.Root": "a base"})
    monkeypatch.setattr(checks, "version", lambda name: "0.10.0.dev0")
    with pytest.raises(UnfitError) as refused:
        check_verl(run)
    assert str(refused.value) == (
        "verl 0.10.0.dev0, or the TransferQueue beside it, lacks what this plugin stands on: pandemonium.a (what a is "
        "for), pandemonium.b (what b is for), pandemonium.c (what c is for) and 2 names more; install what it was "
        "tested with: pip install 'verl[verl-core]==0.9.1'."
    )


@pytest.mark.parametrize(("version", "doubtful"), [("0.9.1+mine", False), ("0.9.2", True), ("0.10.0.dev0", True)])
def test_a_version_that_was_never_tried_is_doubted(
    run: Run, monkeypatch: pytest.MonkeyPatch, version: str, doubtful: bool
) -> None:
    monkeypatch.setattr(checks, "version", lambda name: version)
    assert isinstance(check_verl(run), Doubt) == doubtful


def test_what_only_a_cpu_needs_is_looked_for_on_a_cpu_only(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "ON_CPU", {**ON_CPU, "pandemonium.chip": "the chip"})
    assert check_verl(run)
    with pytest.raises(UnfitError, match=r"pandemonium.chip \(the chip\); install"):
        check_verl(Run(compose_config("+recipe=reflect_grpo", "+task=countdown", "+hardware=cpu")))


def test_a_verl_without_transfer_queue_is_refused_before_anything_imports_it() -> None:
    """`pip install verl` alone leaves it out. The checks must not stumble over what they look for."""
    code = (
        "import sys; sys.modules['transfer_queue'] = None\n"
        "from verl_reflect.checks.doctor import composed\n"
        "from verl_reflect.plugin import register; import verl; register()\n"
        "from verl_reflect.checks.preflight import Preflight\n"
        "Preflight().on_job_start(composed([]))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1, ended.stderr
    said = ended.stderr.splitlines()[-1]
    assert said.startswith(f"verl-reflect: verl {TESTED[-1]}, or the TransferQueue beside it, lacks what this plugin")
    assert "transfer_queue.KVBatchMeta" in said and said.endswith("pip install 'verl[verl-core]==0.9.1'.")
