"""An isolated process ends with the one that started it, however that ends, and takes all that it started with it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import hostile_verifiers
import psutil
import pytest

ROOT = Path(__file__).parents[2]

LOOP_WORKER = """
import asyncio, os, signal, sys
from verl_reflect.rollout.judge import Judge
from verl_reflect.rollout.reward_function import RewardFunction

signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run in the background ignore it

async def main():
    judge = Judge(RewardFunction(sys.argv[1], "judge"), 1.0, 60.0)
    row = {"data_source": "museum", "ground_truth": None, "extra_info": {}}
    for response in ("good", "leaves a child behind", "leaves a program behind"):
        await judge(response, **row)
    print("judged", flush=True)
    await judge("spins", **row)

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_worker_is_killed_while_its_process_judges(number: signal.Signals) -> None:
    command = [sys.executable, "-c", LOOP_WORKER, hostile_verifiers.__file__]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as worker:
        assert worker.stdout and worker.stdout.readline() == b"judged\n"
        time.sleep(0.2)
        family = psutil.Process(worker.pid).children(recursive=True)
        worker.send_signal(number)
        _, alive = psutil.wait_procs(family, timeout=10)
        worker.kill()
    assert not alive
    assert len(family) == 4, "a supervisor, its child, and what was left behind"


SAYS_ITS_FILES = """
import os

def compute_score(**row):
    return {"score": 1, "detail": " ".join(os.path.realpath(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd"))}
"""
ASKS = """
import asyncio, os, signal, sys
from verl_reflect.rollout.judge import Judge
from verl_reflect.rollout.reward_function import RewardFunction

held = open("/etc/hostname")
judge = Judge(RewardFunction(sys.argv[1]), 1.0, 60.0)
print(asyncio.run(judge("", data_source="", ground_truth=None, extra_info=None)))
judge.close()
"""


def test_files_of_this_process_are_not_handed_on(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SAYS_ITS_FILES)
    command = [sys.executable, "-c", ASKS, str(tmp_path / "mine.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert "socket:" in done.stdout and "hostname" not in done.stdout, done


def test_a_simple_verifiers_process_loads_nothing_large() -> None:
    names = "torch vllm ray verl numpy pyarrow pydantic omegaconf transformers asyncio"
    program = (
        "import verl_reflect.isolation.supervisor, verl_reflect.rollout.verdict_server, sys; "
        f"print([name for name in '{names}'.split() if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "[]\n"
