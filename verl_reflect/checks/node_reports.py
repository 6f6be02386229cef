"""Asks every node of the Ray cluster that this process is in what it has (`node_probe.py`)."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

SECONDS_FOR_AN_ANSWER = 180.0
"""Of a node. Starting a worker there takes seconds, but a runtime environment may have to be installed first."""


@dataclass(frozen=True)
class Report:
    """What a machine has."""

    python: str
    versions: Mapping[str, str | None]
    """By package; None for one that is not installed."""
    modules: Mapping[str, Mapping[str, str]]
    """By module, the `digest` of its source, and the `error` that importing it ends with."""
    missing: Sequence[str]
    """Of the paths asked for."""
    unset: Sequence[str]
    """Of the variables asked for."""
    free: int
    """Bytes on the disk of the folder asked for."""

    @classmethod
    def read(cls, answer: str) -> "Report":
        """What the probe printed. Raises ValueError if it is no answer."""
        lines = answer.strip().splitlines()
        if not lines:
            raise ValueError("its Python cannot run")
        return cls(**json.loads(lines[-1]))


@dataclass(frozen=True, eq=False)
class Node:
    """A node that is alive and has something to give to a run."""

    name: str
    devices: int
    """Accelerators, as Ray counts them."""
    report: Report | None
    silence: str = ""
    """Why there is no report."""


def report_of_this_machine(question: Mapping[str, Any]) -> Report:
    """The answer of this process's own Python."""
    return Report.read(_asker()(_probe(), json.dumps(question)))


def reports_of_nodes(question: Mapping[str, Any]) -> list[Node]:
    """Every node by name, asked all at once by a task that Ray pins to it."""
    alive = [node for node in ray.nodes() if node["Alive"] and (node["Resources"].get("CPU") or _devices(node))]  # type: ignore[no-untyped-call]
    ask = ray.remote(num_cpus=0, max_retries=0)(_asker())
    answers = [
        ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(
            _probe(), json.dumps(question)
        )
        for node in alive
    ]
    ray.wait(answers, num_returns=len(answers), timeout=SECONDS_FOR_AN_ANSWER)
    return sorted(map(_node, alive, answers), key=lambda node: node.name)


def _node(entry: Mapping[str, Any], answer: Any) -> Node:
    name, devices = _name(entry), _devices(entry)
    try:
        return Node(name, devices, Report.read(ray.get(answer, timeout=0)))
    except ray.exceptions.GetTimeoutError:
        ray.cancel(answer, force=True)
        return Node(name, devices, None, f"does not answer within {SECONDS_FOR_AN_ANSWER:g} s")
    except (ray.exceptions.RayError, ValueError) as error:  # its worker does not start, or dies
        return Node(name, devices, None, f"does not answer: {str(error).strip().splitlines()[-1]}")


def _name(entry: Mapping[str, Any]) -> str:
    address, given = entry["NodeManagerAddress"], entry["NodeName"]
    return f"{entry['NodeManagerHostname'] if given == address else given} ({address})"


def _devices(entry: Mapping[str, Any]) -> int:
    return int(entry["Resources"].get("GPU", 0) or entry["Resources"].get("NPU", 0))


def _asker() -> Callable[[str, str], str]:
    """What runs on a node. A function of a function is sent by value: a node without this package can run it too."""

    def ask(probe: str, question: str) -> str:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folder for folder in sys.path if folder)}
        command = [sys.executable, "-c", probe, question]
        return subprocess.run(command, env=environment, capture_output=True, text=True).stdout

    return ask


def _probe() -> str:
    return files("verl_reflect.checks").joinpath("node_probe.py").read_text(encoding="utf-8")
