"""vLLM's version comes from its module where no distribution is called `vllm`."""

import importlib
import importlib.metadata
import sys
from types import ModuleType

import pytest

from verl.utils import import_utils

MODULES = ("vllm", "verl.third_party.vllm", "verl.workers.rollout.vllm_rollout")


@pytest.fixture
def vllm_under_another_name(monkeypatch, tmp_path):
    """A module `vllm` that belongs to no distribution of that name."""
    (tmp_path / "vllm").mkdir()
    (tmp_path / "vllm" / "__init__.py").write_text("__version__ = '0.18.5'\nLLM = None\n")
    (tmp_path / "vllm" / "distributed.py").write_text("parallel_state = None\n")
    monkeypatch.syspath_prepend(tmp_path)

    def version(name, of=importlib.metadata.version):
        if name == "vllm":
            raise importlib.metadata.PackageNotFoundError(name)
        return of(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr(import_utils, "is_sglang_available", lambda: False)
    import_utils.is_vllm_available.cache_clear()
    for name in [name for name in sys.modules if name.startswith(MODULES)]:
        monkeypatch.delitem(sys.modules, name)
    yield
    import_utils.is_vllm_available.cache_clear()
    for name in [name for name in sys.modules if name.startswith(MODULES)]:
        del sys.modules[name]


def test_the_trainer_finds_it(vllm_under_another_name):
    module = importlib.import_module("verl.third_party.vllm")
    assert module.package_version == module.vllm_version == "0.18.5"


def test_the_rollout_finds_it(vllm_under_another_name, monkeypatch):
    adapter = ModuleType("verl.workers.rollout.vllm_rollout.vllm_rollout")
    adapter.ServerAdapter = None
    monkeypatch.setitem(sys.modules, adapter.__name__, adapter)
    module = importlib.import_module("verl.workers.rollout.vllm_rollout")
    assert module.vllm_package_version == "0.18.5"


def test_without_vllm_there_is_no_version(vllm_under_another_name, monkeypatch, tmp_path):
    module = importlib.import_module("verl.third_party.vllm")
    monkeypatch.setattr(module, "is_vllm_available", lambda: False)
    assert module.get_version("vllm") is None
