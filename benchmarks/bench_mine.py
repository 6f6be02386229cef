"""Tokens per second of `verl-reflect mine` beside bare vLLM's `generate` on the same requests with the same settings.

    python benchmarks/bench_mine.py [--model FOLDER] [--tokens N] [--queries N] [--samples K] [--rounds R] [--json FILE]
    python benchmarks/bench_mine.py --scripted      # no model: what one driver journals and judges at most

Without a model: the tiny one. On this machine's CPU, unless Hydra overrides at the end of the line say otherwise.

What is timed is sampling. Both sides are warm: 16 answers of 8 tokens, not counted. Mining begins with rows and ends
with its last answer judged and on the disk, the start of the judging process included; `generate` begins with token
ids, all requests at once, and ends with its last answer's token ids. On CPUs `generate` is run twice, because neither
way is always the faster: in one process, as `+hardware=cpu` sets vLLM up, and with vLLM's own choice of processes. The
ratio is to the faster. Each part starts afresh, the parts in turn, R times; the result is the median. Processor time is
that of all processes of a part during sampling, by what they are.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
from omegaconf import DictConfig, OmegaConf

from verl_reflect.demo.data import CHECKPOINT, make_data
from verl_reflect.mine.command import Mining
from verl_reflect.mine.journal import MiningJournal
from verl_reflect.mine.settings import MineSettings
from verl_reflect.serving import engine
from verl_reflect.serving.bundled import BundledServer
from verl_reflect.serving.fleet import Fleet, Server
from verl_reflect.serving.flow import Flow
from verl_reflect.serving.queries import queries
from verl_reflect.serving.start import Start, configuration
from verl_reflect.serving.stepping import Question, Reply, Stepping

ON_CPU = ("+recipe=reflect_grpo", "+task=countdown_toy", "+hardware=cpu")
LIKE_VERL = (
    *("dtype", "max_model_len", "max_num_seqs", "max_num_batched_tokens", "enable_prefix_caching", "enforce_eager"),
    *("enable_chunked_prefill", "gpu_memory_utilization", "tensor_parallel_size", "seed"),
)
WARM_UP, WARM_UP_TOKENS = 16, 8
ONE_PROCESS = "VLLM_ENABLE_V1_MULTIPROCESSING"
ROLES = {"Server": "server", "EngineCore": "engine", "VLLM": "engine", "Worker": "worker"}
"""What a process is, by a part of its command line; Ray's own are the rest. Judging processes are gone by the end."""


class Spent:
    """Processor seconds of this process and all that it started, by what they are."""

    def __init__(self) -> None:
        self._before, self._buried = self._now(), _of_the_buried()
        self.seconds: dict[str, float] = {}

    def stop(self) -> None:
        seconds: Counter[str] = Counter()
        for who, (role, spent) in self._now().items():
            seconds[role] += spent - self._before.get(who, (role, 0.0))[1]
        seconds["judging"] = _of_the_buried() - self._buried
        self.seconds = {role: round(spent, 2) for role, spent in seconds.items() if spent > 0.05}

    def _now(self) -> dict[int, tuple[str, float]]:
        me = psutil.Process()
        return {each.pid: (_role(each, me), _seconds(each)) for each in (me, *me.children(recursive=True))}


def _role(process: psutil.Process, me: psutil.Process) -> str:
    if process == me:
        return "driver"
    line = " ".join(process.cmdline())
    return next((role for part, role in ROLES.items() if part in line), "Ray")


def _of_the_buried() -> float:
    times = psutil.Process().cpu_times()
    return float(times.children_user + times.children_system)


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def timed(result: dict[str, Any]) -> Iterator[None]:
    """Seconds, and processor seconds, into the result."""
    spent, started = Spent(), time.perf_counter()
    yield
    result["seconds"] = time.perf_counter() - started
    spent.stop()
    result["processor_seconds"] = spent.seconds


def mined(mining: Mining, folder: Path, result: dict[str, Any]) -> None:
    """Mining, with verl's servers."""
    mine_from(engine.start, mining, folder, result)


def mine_from(start: Start, mining: Mining, folder: Path, result: dict[str, Any]) -> None:
    """Warm up and mine, as the command does."""
    serving = mining.serving

    async def work(fleet: Fleet, flow: Flow) -> None:
        prompt = serving.prompts.encode(serving.table.slice(0, 1).to_pylist()[0])
        warm = (each.generate(prompt, max_tokens=WARM_UP_TOKENS) for each in fleet.servers for _ in range(WARM_UP))
        await asyncio.gather(*warm)
        with timed(result):
            await mining.fill(journal, fleet, flow)

    with closing(MiningJournal(folder / "bench.journal.jsonl", {})) as journal:
        serving.serve(work, start)
    sampled = journal.sampled.values()
    result["answers"] = sum(each.judged + each.unjudged for each in sampled)
    result["tokens"] = sum(each.tokens for each in sampled)


def generated(mining: Mining, folder: Path, result: dict[str, Any]) -> None:
    """Bare vLLM."""
    from vllm import LLM, SamplingParams

    serving, rollout = mining.serving, mining.serving.run.rollout
    like_verl = {name: rollout[name] for name in LIKE_VERL if name in rollout}
    like_verl["tensor_parallel_size"] = rollout.tensor_model_parallel_size
    extra = dict(rollout.engine_kwargs.vllm or {})
    if os.environ.get(ONE_PROCESS) != "0":
        extra.pop("distributed_executor_backend", None)
    llm = LLM(serving.run.model.path, **like_verl, **extra)
    stops = list(serving.prompts.stop_ids)
    given = {**engine.sampling_params(serving.config), "stop_token_ids": stops, "detokenize": False}
    asked = queries(serving.table, serving.config.data.prompt_key, serving.prompts.encode)
    prompts = [{"prompt_token_ids": each.prompt_ids} for each in asked for _ in range(mining.settings.samples)]
    warm = SamplingParams(**{**given, "max_tokens": WARM_UP_TOKENS})
    llm.generate(prompts[:1] * WARM_UP, warm, use_tqdm=False)
    with timed(result):
        outputs = llm.generate(prompts, SamplingParams(**given), use_tqdm=False)
    result["answers"] = len(outputs)
    result["tokens"] = sum(len(output.outputs[0].token_ids) for output in outputs)


class InstantEngine:
    """Answers at once, with one of a few answers."""

    def __init__(self, answers: Sequence[list[int]]):
        self._answers, self._keys = answers, list[int]()

    def add(self, question: Question) -> None:
        self._keys += question.keys

    def step(self) -> list[Reply]:
        now, self._keys = self._keys[:256], self._keys[256:]
        return [Reply(key, random.choice(self._answers), "stop") for key in now]


class InstantServer:
    """An actor as `SteppedServer` is one."""

    def __init__(self, answers: Sequence[list[int]]):
        self._stepping = Stepping(InstantEngine(answers))

    async def ask(self, questions: Sequence[Question]) -> None:
        self._stepping.ask(questions)

    async def fetch(self) -> list[Reply]:
        return await self._stepping.fetch()


def scripted(mining: Mining, folder: Path, result: dict[str, Any]) -> None:
    """Mining, with a server that takes no time."""
    import ray

    tokenizer = mining.serving.run.tokenizer
    texts = ("( 3 + 5 ) * 8", "3 * 5 + 8 - 1", "( 5 - 3 ) + 8")
    answers = [[*tokenizer.encode(text, add_special_tokens=False), tokenizer.eos_token_id] for text in texts]
    ray.init(include_dashboard=False, log_to_driver=False)
    handle = ray.remote(InstantServer).options(max_concurrency=8).remote(answers)  # type: ignore[attr-defined]

    async def start(config: DictConfig) -> list[Server]:
        return [BundledServer("instant", handle, {"max_tokens": 16}, timeout=60)]

    mine_from(start, mining, folder, result)


PARTS = {"mine": mined, "generate": generated, "scripted": scripted}


def run_part(arguments: argparse.Namespace, overrides: list[str]) -> None:
    """In a process of its own: one part, its numbers on the last line."""
    with tempfile.TemporaryDirectory() as folder:
        mining = Mining(
            configuration(overrides), MineSettings(samples=arguments.samples), Path(folder) / "failures.parquet"
        )
        mining.serving.table = mining.serving.table.slice(0, arguments.queries)
        result: dict[str, Any] = {}
        PARTS[arguments.part](mining, Path(folder), result)
        print(json.dumps(result), flush=True)
    os._exit(0)  # engines take their time to end


def measure(part: str, arguments: argparse.Namespace, overrides: list[str], environment: dict[str, str]) -> Any:
    """Run a part and return its numbers."""
    sizes = ["--queries", str(arguments.queries), "--samples", str(arguments.samples)]
    command = [sys.executable, __file__, "--part", part, *sizes, *overrides]
    done = subprocess.run(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True)
    result = json.loads(done.stdout.splitlines()[-1])
    result["part"] = f"{part}, one process" if environment.get(ONE_PROCESS) == "0" and part == "generate" else part
    result["tokens_per_second"] = result["tokens"] / result["seconds"]
    result["load"] = os.getloadavg()[0]
    print(in_words(result), flush=True)
    return result


def in_words(result: dict[str, Any]) -> str:
    """A line: speed, and what an answer costs in processor time."""
    answers, seconds = result["answers"], result["seconds"]
    each = ", ".join(f"{role} {1e3 * spent / answers:.2f}" for role, spent in result["processor_seconds"].items())
    return (
        f"{result['part']}: {answers} answers, {result['tokens']} tokens in {seconds:.1f} s: {answers / seconds:,.0f} "
        f"answers/s, {result['tokens_per_second']:,.0f} tokens/s; processor ms an answer: {each} (load "
        f"{result['load']:.1f})"
    )


def compared(arguments: argparse.Namespace, overrides: list[str]) -> dict[str, Any]:
    """Mining and `generate` in turn."""
    variables = OmegaConf.select(configuration(overrides), "ray_kwargs.ray_init.runtime_env.env_vars") or {}
    environments = [dict(variables)]
    if ONE_PROCESS in variables:
        environments.append({**variables, ONE_PROCESS: "1"})
    rounds = []
    for _ in range(arguments.rounds):
        ours = measure("mine", arguments, overrides, environments[0])
        bare = [measure("generate", arguments, overrides, each) for each in environments]
        ratio = ours["tokens_per_second"] / max(each["tokens_per_second"] for each in bare)
        rounds.append({"ratio": ratio, "mine": ours, "generate": bare})
    ratios = [each["ratio"] for each in rounds]
    print(f"mine / generate: {statistics.median(ratios):.2f}, median of {[round(each, 2) for each in ratios]}")
    return {"ratio": statistics.median(ratios), "rounds": rounds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=CHECKPOINT)
    parser.add_argument("--tokens", type=int, help="most tokens of an answer")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--scripted", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    arguments, overrides = parser.parse_known_args()
    if arguments.part:
        run_part(arguments, overrides)
    with tempfile.TemporaryDirectory() as folder:
        make_data(Path(folder), CHECKPOINT, train=arguments.queries, held_out=5, seed=0)
        usual = [*ON_CPU, f"actor_rollout_ref.model.path={arguments.model}", f"data.train_files={folder}/train.parquet"]
        overrides = overrides or usual
        if arguments.tokens:
            overrides += lengths(arguments.tokens)
        result = measure("scripted", arguments, overrides, {}) if arguments.scripted else compared(arguments, overrides)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


def lengths(tokens: int) -> list[str]:
    """Answers of up to so many tokens, after prompts of another tokenizer."""
    return [
        f"reflect.max_attempt_tokens={tokens}",
        "data.max_prompt_length=128",
        f"actor_rollout_ref.rollout.max_model_len={1024 + 3 * tokens}",
    ]


if __name__ == "__main__":
    main()
