"""Memory and processor time of a process and its children."""

import subprocess
import sys
import time

import pytest

from recipes.race.process_tree import ProcessTree, name_of

CHILD = "data = bytearray(50_000_000); print('ready', flush=True); [None for _ in iter(int, 1)]"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"


def test_a_grandchild_counts() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        tree = ProcessTree(parent.pid)
        members = list(tree._members())
        time.sleep(0.3)
        tree.sample()
        for process in members:
            process.kill()
    assert len(members) == 2 and tree.peak_bytes > 50_000_000
    used = tree.processor_seconds()
    tree.sample()
    assert tree.processor_seconds() == used and sum(used.values()) > 0, "what has ended keeps what it used"


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["ray::AgentLoopWorker.generate_sequences"], "AgentLoopWorker"),
        (["ray::WorkerDict"], "WorkerDict"),
        (["python", "-m", "verl.trainer.main_ppo", "x=1"], "driver"),
        (["VLLM::EngineCore"], "vLLM engine"),
        (["/site-packages/ray/core/src/ray/raylet/raylet"], "Ray's own"),
        (["sh"], "sh"),
    ],
)
def test_a_process_is_named_after_what_it_does(command: list[str], name: str) -> None:
    assert name_of(command, "sh") == name
