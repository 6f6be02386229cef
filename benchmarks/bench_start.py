"""What a launch computes before a model loads, by process: verl's imports, and what of them is this plugin's.

Processor seconds in fresh processes, the least of the rounds: what else the machine does adds to them. Each process of
verl imports the same again, so a launch pays for all of them: on two cores, two at a time.

python benchmarks/bench_start.py [ROUNDS]
"""

import json
import os
import subprocess
import sys

from verl_reflect.demo.data import CHECKPOINT

SHARE = 0.05
"""Of a process's imports, the most that may be the plugin's."""

PROCESSES = {
    "driver": (["verl.trainer.main_ppo"], ["verl_reflect.cpu.callback", "verl_reflect.checks.preflight"]),
    "trainer": (["verl.trainer.ppo.v1.trainer_base"], ["verl_reflect.training.replay_buffer"]),
    "loop worker": (["verl.experimental.agent_loop.agent_loop"], ["verl_reflect.rollout.loop"]),
    "reward worker": (["verl.experimental.reward_loop"], ["verl_reflect.rollout.reward_manager"]),
    "model worker": (["verl.workers.engine_workers"], ["verl_reflect.cpu.platform"]),
    "vLLM server": (["verl.workers.rollout.vllm_rollout.vllm_async_server"], ["verl_reflect.cpu.vllm_worker"]),
}
"""Of verl and of the plugin, in the order in which a process imports them."""

IMPORTS = """
import importlib, json, sys, time
took = []
for modules in json.loads(sys.argv[1]):
    start = time.process_time()
    [importlib.import_module(module) for module in modules]
    took.append(time.process_time() - start)
print(json.dumps(took))
"""

PREFLIGHT = """
import json, sys, time
import verl.trainer.main_ppo
from hydra import compose, initialize_config_module
from verl_reflect.plugin import register
register()
start = time.process_time()
from verl_reflect.checks.every import CHECKS
from verl_reflect.checks.run import Run
with initialize_config_module("verl.trainer.config", version_base=None):
    config = compose("ppo_trainer", json.loads(sys.argv[1]))
composed = time.process_time()
run = Run(config)
[check(run) for name, check in CHECKS.items() if name != "data"]
print(json.dumps([composed - start, time.process_time() - composed]))
"""


def least(code: str, argument: object, rounds: int) -> list[float]:
    """Processor seconds of the two things that the code does, of the round that took the least."""
    command = [sys.executable, "-W", "ignore", "-c", code, json.dumps(argument)]
    environment = {**os.environ, "VERL_PLATFORM": "cpu"}
    runs = (subprocess.run(command, capture_output=True, text=True, check=True, env=environment) for _ in range(rounds))
    return list(min((json.loads(run.stdout.splitlines()[-1]) for run in runs), key=sum))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    most = 0.0
    print("| process | verl's imports, processor seconds | the plugin's |\n| --- | --- | --- |")
    for name, modules in PROCESSES.items():
        verl, ours = least(IMPORTS, modules, rounds)
        most = max(most, ours / verl)
        print(f"| {name} | {verl:.2f} | {ours:.2f} |")
    overrides = ["+recipe=reflect_grpo", "+task=countdown_toy", "+hardware=cpu"]
    composing, checks = least(PREFLIGHT, [*overrides, f"actor_rollout_ref.model.path={CHECKPOINT}"], rounds)
    print(f"\nConfiguration: {composing:.2f} s; the checks before a model loads, without the data's: {checks:.2f} s")
    print(f"The plugin's largest share of a process's imports: {most:.3f} (limit {SHARE})")
    sys.exit(most > SHARE)


if __name__ == "__main__":
    main()
