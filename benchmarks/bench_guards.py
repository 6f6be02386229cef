"""What the watch over reflections costs: the metrics of a training step, and what each session adds.

    python benchmarks/bench_guards.py

Milliseconds of processor time, the least of several rounds. A step has 2,048 reflections (the recipe's 256 groups of 8)
of about 200 tokens. The last rows are a session's whole way through the judge's process, alone and with its reflection.
"""

import asyncio
import random
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from verl_reflect.rollout.judge import Judge
from verl_reflect.rollout.penalties import foreign_share
from verl_reflect.rollout.reward_function import RewardFunction
from verl_reflect.tasks.registry import task_for
from verl_reflect.training.metrics import Reflection, reflection_metrics

ROUNDS = 7
SESSIONS, AT_ONCE = 512, 16
SAID = (
    "I added the first two numbers and forgot that every number has to be used exactly once so my total missed the "
    "target next time multiply before adding check 12 and 7 against what is left then write down result in tags"
)
QUESTION = "Using the numbers [3, 5, 8] create an equation that equals 29."
TRUTH = {"target": 29, "numbers": [3, 5, 8]}
CALL = {"answers": [{"name": "get_weather", "arguments": {"city": "Rome"}}]}


def text(seed: int) -> str:
    return " ".join(random.Random(seed).choices(SAID.split(), k=180))


def milliseconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1000 * min(times)


def seconds_of_sessions(judge: Judge, with_reflection: bool) -> float:
    """Of SESSIONS sessions, AT_ONCE at a time, on the clock: two processes work on them."""
    said = [text(number) for number in range(SESSIONS)]
    row = {"data_source": "countdown", "ground_truth": TRUTH, "extra_info": None}

    async def session(number: int) -> None:
        asked = [judge(f"{said[number]} <answer>3 * 8 + 5</answer>", **row)]
        if with_reflection:
            asked.append(judge.given_away(said[number], question=QUESTION, **row))
        await asyncio.gather(*asked)

    async def sessions() -> None:
        for first in range(0, SESSIONS, AT_ONCE):
            await asyncio.gather(*map(session, range(first, first + AT_ONCE)))

    start = time.perf_counter()
    asyncio.run(sessions())
    return time.perf_counter() - start


def main() -> None:
    reflections = [Reflection(str(number // 8), text(number), 200) for number in range(2048)]
    table = Table("what", "ms")
    table.add_row("metrics of a step", f"{milliseconds(lambda: reflection_metrics(reflections, 128)):.1f}")
    drift = milliseconds(lambda: [foreign_share(text, QUESTION) for _, text, _ in reflections]) / len(reflections)
    table.add_row("foreign_share, a session", f"{drift:.3f}")
    truths = {"countdown": TRUTH, "gsm8k": "29", "math": r"\frac{3}{4}", "function_calling": CALL}
    for source, truth in truths.items():
        task = task_for(source)
        each = milliseconds(lambda: [task.gives_away(text, truth, QUESTION) for _, text, _ in reflections[:256]]) / 256  # noqa: B023
        table.add_row(f"gives_away, {source}", f"{each:.3f}")
    judge = Judge(RewardFunction(), 1.0, 60.0)
    seconds_of_sessions(judge, True)
    for name, with_reflection in (("retry alone", False), ("retry and reflection", True)):
        least = min(seconds_of_sessions(judge, with_reflection) for _ in range(ROUNDS))
        table.add_row(f"judging a session: {name}", f"{1000 * least / SESSIONS:.3f}")
    judge.close()
    Console().print(table)


if __name__ == "__main__":
    main()
