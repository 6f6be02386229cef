"""Lay out the CPU platform as verl-project/verl-hardware-plugin keeps its accelerators: `python export.py OUT`.

OUT is a checkout of that repository, or any folder. The platform and what it adapts are taken from `verl_reflect/cpu`
as they are, under the names of that repository; `cpu/` beside this file holds what only that repository needs.
"""

import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
OURS = HERE.parents[1] / "verl_reflect"
PACKAGE = "verl_hardware_plugin.accelerators.cpu"

# The Hydra callback is how `+hardware=cpu` selects the platform; that repository's users set VERL_PLATFORM. The size of
# micro-batches comes through a resolver of ours.
NOT_EXPORTED = {"callback.py", "micro_batches.py"}

NAMES = {
    "verl_reflect/cpu/platform.py": f"{PACKAGE.replace('.', '/')}/platform_cpu.py",
    "verl_reflect.cpu": PACKAGE,
    "verl_reflect": "verl_hardware_plugin",
    "CpuPlatform": "PlatformCPU",
    "the hardware group": "the configuration",
}

DOCSTRINGS = {
    "__init__.py": "The CPU as a device of verl's trainer, switched on by `VERL_PLATFORM=cpu` and by nothing else.",
    "adaptations.py": "What verl 0.9.1 needs changed in a process that runs on CPUs.",
}

REGISTER = f"\nfrom {PACKAGE} import platform_cpu as platform_cpu  # noqa: E402  (it needs the above)\n"

CONFIG_HEAD = """# @package _global_
# verl's trainer on CPUs: VERL_PLATFORM=cpu, hydra.searchpath=[file://.../scripts/accelerators/cpu] and +platform=cpu.
"""


def export(out: Path) -> None:
    """Write every file into `out`."""
    shutil.copytree(HERE / "cpu", out, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for source in sorted((OURS / "cpu").glob("*.py")):
        if source.name not in NOT_EXPORTED:
            name = "platform_cpu.py" if source.name == "platform.py" else source.name
            write(out / PACKAGE.replace(".", "/") / name, module(source))
    write(out / "scripts/accelerators/cpu/platform/cpu.yaml", config(OURS / "conf/hardware/cpu.yaml"))


def module(source: Path) -> str:
    """One of our modules, in the words of that repository."""
    text = re.sub(r"^Upstream: patches/.*\n", "", source.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if source.name in DOCSTRINGS:
        text = re.sub(r'\A""".*?"""', f'"""{DOCSTRINGS[source.name]}"""', text, flags=re.DOTALL)
    return renamed(text) + (REGISTER if source.name == "__init__.py" else "")


def config(source: Path) -> str:
    """Our hardware group without the callback, the engines' device (they are registered there) and our resolver."""
    text = re.sub(r"\A(?:#.*\n)+", CONFIG_HEAD, source.read_text(encoding="utf-8"))
    text = re.sub(r"^hydra:\n(?: .*\n)+\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"(?:^ *#.*\n)+^ *VERL_ENGINE_DEVICE:.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"(?:^ *#.*\n)+^ *ppo_max_token_len_per_gpu:.*\n", "", text, flags=re.MULTILINE)
    return renamed(text)


def renamed(text: str) -> str:
    for ours, theirs in NAMES.items():
        text = text.replace(ours, theirs)
    return text


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python export.py OUT")
    export(Path(sys.argv[1]))
