"""Every node of a Ray cluster has what this machine has: one run is one program on all of them.

A module that one worker lacks would cost the sessions of that worker, and a reward function that is another file there
would judge the same answer in two ways.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verl_reflect.checks.cluster import joined
from verl_reflect.checks.engine import ROLLOUT_PACKAGES
from verl_reflect.checks.node_reports import Node, Report, report_of_this_machine, reports_of_nodes
from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.finding import Doubt
from verl_reflect.rollout.reward_function import RewardFunction

SECONDS_TO_IMPORT = 60.0
OWN_PACKAGE = "verl_reflect"
ONE_PROGRAM = {"verl": ["verl"], "TransferQueue": ["TransferQueue"], "verl-reflect": ["verl-reflect"]}
"""What speaks between nodes by classes of its own: another version there is another program."""
SAME = frozenset({*ONE_PROGRAM, "Python"})
BESIDE = {"transformers": ["transformers"], "torch": ["torch"], "ray": ["ray"]}
"""What every node must have, and where another version may do."""
SHOWN_NODES = 3
NOTICED = (
    *("VERL_", "WANDB_", "MLFLOW_", "SWANLAB_", "TENSORBOARD_", "CLEARML_", "TRACKIO_"),
    *("HF_", "VLLM_", "SGLANG_", "NCCL_"),
)
"""How the names of variables begin that change what a run does or where it logs."""


def check_nodes(run: Run) -> str:
    """The nodes of the cluster have the devices, the packages, the modules and the files of the run."""
    address = run.cluster
    if address is None:
        return "this machine alone; Ray starts with the run"
    question = question_of(run)
    with joined(run.config, address):
        nodes = reports_of_nodes(question)
    _check_devices(run, address, nodes)
    silent = [f"{node.name} {node.silence}." for node in nodes if node.report is None]
    compared = Comparison(run, report_of_this_machine(question), {node: node.report for node in nodes if node.report})
    for sentence in compared.wrong():
        raise UnfitError(sentence)
    if doubts := [*silent, *compared.doubtful()]:
        return Doubt(" ".join(doubts))
    return f"{len(nodes)} at {address}, {compared.least_room() / 1e9:.0f} GB free for trainer.default_local_dir"


def question_of(run: Run) -> dict[str, Any]:
    """What `node_probe.py` is asked."""
    engine, tracker = run.rollout.name, run.rollout.trace.backend
    trackers = {tracker: [tracker]} if tracker else {}
    return {
        "packages": {**ONE_PROGRAM, **BESIDE, **trackers, engine: list(ROLLOUT_PACKAGES.get(engine, (engine,)))},
        "modules": list(_modules(run)),
        "seconds": SECONDS_TO_IMPORT,
        "paths": list(_paths(run)),
        "variables": _variables(run),
        "folder": str(run.config.trainer.default_local_dir),
    }


@dataclass(frozen=True)
class Comparison:
    """The nodes that answered, held against this machine."""

    run: Run
    here: Report
    there: Mapping[Node, Report]

    def wrong(self) -> Iterator[str]:
        """What cannot work, a sentence each."""
        for package, found, wanted, names in self._other_versions():
            if found is None:
                yield f"{package} is not installed on {names}; install {package}=={wanted} there, as elsewhere."
            elif package in SAME:
                yield f"{names} has {package} {found} where others have {wanted}; install the same everywhere."
        for module, called in _modules(self.run).items():
            if not self.here.modules[module]["error"]:  # else another check says so
                yield from self._not_imported(module, called)
        for key, path, lacking in self._lacking():
            if len(lacking) == len(self.there):
                yield f"{key}: no node of the Ray cluster has {path}; give an absolute path on a disk that all share."

    def doubtful(self) -> Iterator[str]:
        """What may work all the same."""
        for package, found, wanted, names in self._other_versions():
            yield f"{names} has {package} {found} where others have {wanted}."
        for key, path, lacking in self._lacking():
            yield f"{key}: {_named(lacking)} has no {path}, and verl may read it there."
        if unset := self._unset():
            yield (
                f"{', '.join(unset)}: set here and not on {_named(self._without(unset))}; what a run on a Ray cluster "
                "is to see stands in ray_kwargs.ray_init.runtime_env.env_vars (+ray_kwargs.ray_init.runtime_env."
                f"env_vars.{unset[0]}=...)."
            )
        if other := self._other_source(OWN_PACKAGE):
            yield f"verl-reflect is not the same code on {other} as here, though its version is; install it anew there."
        if self.run.config.trainer.save_freq > 0 and self.least_room() < (size := _bytes_in(self.run.model.path)):
            yield (
                f"A node has {self.least_room() / 1e9:.1f} GB free for trainer.default_local_dir, less than the model "
                f"itself takes ({size / 1e9:.1f} GB)."
            )

    def least_room(self) -> int:
        """Bytes on the disk of `trainer.default_local_dir`, where there are the fewest."""
        return min((report.free for report in self.there.values()), default=self.here.free)

    def _unset(self) -> list[str]:
        """Variables of this machine that a node lacks."""
        return sorted({name for report in self.there.values() for name in report.unset})

    def _without(self, names: Sequence[str]) -> Iterator[Node]:
        return (node for node, report in self.there.items() if set(names) & set(report.unset))

    def _other_versions(self) -> Iterator[tuple[str, str | None, str, str]]:
        """(package, a version, the version wanted, the nodes that have the former), this machine's being wanted."""
        for package, version in {**self.here.versions, "Python": self.here.python.rpartition(".")[0]}.items():
            versions = self._versions(package)
            wanted = version or next(filter(None, versions.values()), None)
            for found in {version: None for version in versions.values()}:
                if wanted and (found is None or _public(found) != _public(wanted)):
                    yield package, found, wanted, _named(node for node in versions if versions[node] == found)

    def _versions(self, package: str) -> dict[Node, str | None]:
        """On the nodes that need it."""
        if package == "Python":
            return {node: report.python.rpartition(".")[0] for node, report in self.there.items()}
        generates = package == self.run.rollout.name
        return {node: report.versions[package] for node, report in self.there.items() if node.devices or not generates}

    def _not_imported(self, module: str, called: str) -> Iterator[str]:
        errors = {node: report.modules[module]["error"] for node, report in self.there.items()}
        for error in sorted({*errors.values()} - {""}):
            names = _named(node for node in errors if errors[node] == error)
            yield f"{called} cannot be imported on {names} ({error}); put it on PYTHONPATH there, as it is here."
        if module != OWN_PACKAGE and (names := self._other_source(module)):
            yield f"{called} is not the same file on {names} as here, and would judge otherwise; copy it there."

    def _other_source(self, module: str) -> str:
        """The nodes where its source is another."""
        wanted = self.here.modules[module]["digest"]
        return _named(node for node, report in self.there.items() if report.modules[module]["digest"] != wanted)

    def _lacking(self) -> Iterator[tuple[str, str, list[Node]]]:
        """(key, path, the nodes without it) of what this machine has."""
        for path, key in _paths(self.run).items():
            lacking = [node for node, report in self.there.items() if path in report.missing]
            if lacking and path not in self.here.missing:
                yield key, path, lacking


def _modules(run: Run) -> dict[str, str]:
    """What each module that a worker imports is called in a sentence."""
    function = RewardFunction.from_config(run.config)
    path = function.path.removeprefix("file://")
    name = path.removeprefix("pkg://").replace("/", ".") if path.startswith("pkg://") else path
    tasks = {task.partition(":")[0]: f"The module of reflect.tasks' {task}" for task in run.settings.tasks}
    return {OWN_PACKAGE: "verl-reflect", name: f"The reward function's module {name}", **tasks}


def _paths(run: Run) -> dict[str, str]:
    """The key of each local path that nodes read."""
    model = os.path.expanduser(run.model.path)
    data = {path: key for key, path in run.files() if "://" not in path}
    return {**data, **({model: "actor_rollout_ref.model.path"} if os.path.isdir(model) else {})}


def _variables(run: Run) -> list[str]:
    """Set here, of those that change a run, and not handed to it through Ray."""
    handed = run.get("ray_kwargs.ray_init.runtime_env.env_vars") or {}
    return sorted(name for name in os.environ if name.startswith(NOTICED) and name not in handed)


def _check_devices(run: Run, address: str, nodes: Sequence[Node]) -> None:
    wanted, each = run.config.trainer.nnodes, run.config.trainer.n_gpus_per_node
    if (there := sum(node.devices for node in nodes)) < wanted * each:
        raise UnfitError(
            f"The Ray cluster at {address} has {there} devices on {len(nodes)} nodes, and the run wants "
            f"trainer.nnodes={wanted} x trainer.n_gpus_per_node={each}; lower these, or add nodes."
        )


def _public(version: str) -> str:
    """Without the part that names a build, such as `+cu128`."""
    return version.partition("+")[0]


def _bytes_in(folder: str) -> int:
    """Of the files in a folder; 0 if there is no such folder."""
    return sum(file.stat().st_size for file in Path(folder).expanduser().glob("*") if file.is_file())


def _named(nodes: Iterable[Node]) -> str:
    """Their names, of many only some; empty for none."""
    names = [node.name for node in nodes]
    more = len(names) - SHOWN_NODES
    return f"{', '.join(names[:SHOWN_NODES])} and {more} nodes more" if more > 0 else " and ".join(names)
