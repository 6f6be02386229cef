"""Tokens per second of `verl-reflect mine` beside bare vLLM's `generate` on the same requests with the same settings.

    python benchmarks/bench_mine.py [--queries N] [--samples K] [--rounds R] [HYDRA OVERRIDES]

Without overrides: the tiny model on this machine's CPU. The time of mining begins with warm servers and includes all
that mining does: judging (with the start of the judging process) and a journal on the disk. `generate` gets token ids
and gives token ids, all requests at once. On CPUs it is run twice, because neither way is always the faster: in one
process, as `+hardware=cpu` sets vLLM up, and with vLLM's own choice of processes. The ratio is to the faster. Each part
starts afresh, the parts in turn, R times.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from omegaconf import OmegaConf

from verl_reflect.demo.data import CHECKPOINT, make_data
from verl_reflect.mine.command import Mining
from verl_reflect.mine.journal import MiningJournal
from verl_reflect.mine.settings import MineSettings
from verl_reflect.serving import engine
from verl_reflect.serving.fleet import Fleet
from verl_reflect.serving.flow import Flow
from verl_reflect.serving.queries import queries
from verl_reflect.serving.start import configuration

ON_CPU = ("+recipe=reflect_grpo", "+task=countdown_toy", "+hardware=cpu", f"actor_rollout_ref.model.path={CHECKPOINT}")
LIKE_VERL = (
    *("dtype", "max_model_len", "max_num_seqs", "max_num_batched_tokens", "enable_prefix_caching", "enforce_eager"),
    *("enable_chunked_prefill", "gpu_memory_utilization", "tensor_parallel_size", "seed"),
)
WARM_UP = 256
ONE_PROCESS = "VLLM_ENABLE_V1_MULTIPROCESSING"


def mined(mining: Mining, folder: Path) -> tuple[int, int, float]:
    """(answers, tokens, seconds) of mining."""
    serving = mining.serving

    async def mine() -> float:
        servers = await engine.start(serving.config)
        prompt = serving.prompts.encode(serving.table.slice(0, 1).to_pylist()[0])
        await asyncio.gather(*(server.generate(prompt) for server in servers for _ in range(WARM_UP)))
        started = time.perf_counter()
        await mining.fill(journal, Fleet(servers), Flow(serving.in_flight))
        return time.perf_counter() - started

    with closing(MiningJournal(folder / "bench.journal.jsonl", {})) as journal:
        seconds = asyncio.run(mine())
    sampled = journal.sampled.values()
    return sum(each.judged + each.unjudged for each in sampled), sum(each.tokens for each in sampled), seconds


def generated(mining: Mining, folder: Path) -> tuple[int, int, float]:
    """(answers, tokens, seconds) of bare vLLM."""
    from vllm import LLM, SamplingParams

    serving, rollout = mining.serving, mining.serving.run.rollout
    like_verl = {name: rollout[name] for name in LIKE_VERL if name in rollout}
    like_verl["tensor_parallel_size"] = rollout.tensor_model_parallel_size
    extra = dict(rollout.engine_kwargs.vllm or {})
    if os.environ.get(ONE_PROCESS) != "0":
        extra.pop("distributed_executor_backend", None)
    llm = LLM(serving.run.model.path, **like_verl, **extra)
    parameters = SamplingParams(**engine.sampling_params(serving.config), detokenize=False)
    asked = queries(serving.table, serving.config.data.prompt_key, serving.prompts.encode)
    prompts = [{"prompt_token_ids": each.prompt_ids} for each in asked for _ in range(mining.settings.samples)]
    llm.generate(prompts[:WARM_UP], parameters, use_tqdm=False)
    started = time.perf_counter()
    outputs = llm.generate(prompts, parameters, use_tqdm=False)
    seconds = time.perf_counter() - started
    return len(outputs), sum(len(output.outputs[0].token_ids) for output in outputs), seconds


def run_part(arguments: argparse.Namespace, overrides: list[str]) -> None:
    """In a process of its own: one part, its numbers on the last line."""
    with tempfile.TemporaryDirectory() as folder:
        mining = Mining(
            configuration(overrides), MineSettings(samples=arguments.samples), Path(folder) / "failures.parquet"
        )
        mining.serving.table = mining.serving.table.slice(0, arguments.queries)
        part = {"mine": mined, "generate": generated}[arguments.part]
        print(json.dumps(part(mining, Path(folder))), flush=True)
    os._exit(0)  # engines take their time to end


def measure(part: str, arguments: argparse.Namespace, overrides: list[str], environment: dict[str, str]) -> float:
    """Run a part and return its tokens per second."""
    sizes = ["--queries", str(arguments.queries), "--samples", str(arguments.samples)]
    command = [sys.executable, __file__, "--part", part, *sizes, *overrides]
    done = subprocess.run(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True)
    answers, tokens, seconds = json.loads(done.stdout.splitlines()[-1])
    how = ", one process" if environment.get(ONE_PROCESS) == "0" and part == "generate" else ""
    print(
        f"{part}{how}: {answers} answers, {tokens} tokens, {seconds:.1f} s: {tokens / seconds:,.0f} tokens/s",
        flush=True,
    )
    return float(tokens / seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--part", choices=("mine", "generate"), help=argparse.SUPPRESS)
    arguments, overrides = parser.parse_known_args()
    if arguments.part:
        run_part(arguments, overrides)
    with tempfile.TemporaryDirectory() as folder:
        if not overrides:
            make_data(Path(folder), CHECKPOINT, train=arguments.queries, held_out=5, seed=0)
            overrides = [*ON_CPU, f"data.train_files={folder}/train.parquet"]
        variables = OmegaConf.select(configuration(overrides), "ray_kwargs.ray_init.runtime_env.env_vars") or {}
        environments = [dict(variables)]
        if ONE_PROCESS in variables:
            environments.append({**variables, ONE_PROCESS: "1"})
        ratios = []
        for _ in range(arguments.rounds):
            ours = measure("mine", arguments, overrides, environments[0])
            ratios.append(ours / max(measure("generate", arguments, overrides, each) for each in environments))
        print(f"mine / generate: {statistics.median(ratios):.2f} (goal on GPUs: at least 0.9)")


if __name__ == "__main__":
    main()
