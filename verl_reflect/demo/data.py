"""The tiny model's data for verl: its own failures to learn from, and what it is validated on.

`train.parquet` holds failed first attempts at training problems. `validation.parquet` asks several things of held-out
problems, told apart by `data_source`: a first try at `countdown/first_try`; and a second try at the same fixed failures
once for each loop asked for, such as after reflecting (`countdown/reflect`) and without (`countdown/blind`).
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM, Qwen2Tokenizer

from verl_reflect.demo.problems import Problem, split_problems
from verl_reflect.demo.sampling import BATCH, sample, words_of
from verl_reflect.records.parquet import write_dataset
from verl_reflect.reward import compute_score
from verl_reflect.rollout.ways import WAYS

SECOND_TRIES = ("reflect", "blind", "fixed", "swapped")
"""Ways to a second try (rollout/ways.py) that rows can ask for."""
CHECKPOINT = Path(__file__).parent / "checkpoint"


@dataclass(frozen=True)
class Attempt:
    """What the model answered to a problem at its first try."""

    problem: Problem
    text: str
    token_ids: list[int]

    @property
    def passed(self) -> bool:
        return compute_score("countdown", self.text, _ground_truth(self.problem))["score"] == 1.0


def make_data(
    out: Path,
    checkpoint: Path,
    *,
    train: int = 3000,
    held_out: int = 400,
    second_tries: Sequence[str] = ("reflect", "blind"),
    seed: int,
) -> list[Path]:
    """Write `train.parquet` and `validation.parquet` with their cards, and return their paths.

    `train` is the number of training failures, `held_out` the number of rows of each held-out kind: first tries, and
    each of `second_tries` (of SECOND_TRIES).
    A problem may come up more than once, its numbers in another order. Takes seconds.
    """
    model = Qwen2ForCausalLM.from_pretrained(checkpoint)
    tokenizer = Qwen2Tokenizer.from_pretrained(checkpoint)
    training_problems, held_out_problems = split_problems()
    rng = random.Random(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        failed = failures(model, tokenizer, training_problems, train, rng)
        failed_held_out = failures(model, tokenizer, held_out_problems, held_out, rng)
    unseen = [rng.choice(held_out_problems).shuffled(rng) for _ in range(held_out)]
    rows = {
        "train": [_row("countdown", failure.problem, "train", i, failure) for i, failure in enumerate(failed)],
        "validation": [
            *(_row("countdown/first_try", problem, "validation", i, None) for i, problem in enumerate(unseen)),
            *(
                _row(f"countdown/{kind}", failure.problem, "validation", i, failure)
                for kind in second_tries
                for i, failure in enumerate(failed_held_out)
            ),
        ],
    }
    if "swapped" in second_tries:
        _add_others(rows["validation"], failed_held_out)
    card = {"licence": "Apache-2.0", "seed": seed, "source": "failures of verl-reflect's tiny model"}
    return [write_dataset(out / f"{name}.parquet", rows[name], {**card, "split": name}) for name in rows]


def failures(
    model: Qwen2ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    problems: Sequence[Problem],
    count: int,
    rng: random.Random,
) -> list[Attempt]:
    """`count` first attempts that failed, malformed ones included, at problems drawn at random.

    Never ends with a model that never fails.
    """
    found: list[Attempt] = []
    while len(found) < count:
        drawn = [rng.choice(problems).shuffled(rng) for _ in range(BATCH)]
        found += [attempt for attempt in first_attempts(model, tokenizer, drawn) if not attempt.passed]
    return found[:count]


def first_attempts(
    model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, problems: Sequence[Problem]
) -> Iterator[Attempt]:
    """One attempt at each problem, at temperature 1."""
    prompts = [_prompt(problem, tokenizer) for problem in problems]
    for problem, token_ids in zip(problems, sample(model, tokenizer, prompts), strict=True):
        yield Attempt(problem, words_of(token_ids, tokenizer), token_ids)


def _prompt(problem: Problem, tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """The ids of the chat that asks for an answer."""
    asked = [{"role": "user", "content": problem.text}]
    text = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    return list(tokenizer.encode(text, add_special_tokens=False))


def _row(data_source: str, problem: Problem, split: str, index: int, failure: Attempt | None) -> dict[str, object]:
    """One row in verl's schema. `index` names the item within its `data_source`.

    A validation row names its agent loop; the recipe says which one trains.
    """
    kind = data_source.partition("/")[2]
    way = WAYS[kind if kind in SECOND_TRIES else "reflect"]
    return {
        "data_source": data_source,
        **({"agent_name": way.loop} if split == "validation" else {}),
        "prompt": [{"role": "user", "content": problem.text}],
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": _ground_truth(problem)},
        "extra_info": {"split": split, "index": index},
        "first_attempt": failure.text if failure else None,
        "first_attempt_ids": failure.token_ids if failure else None,
    }


def _add_others(rows: Sequence[dict[str, object]], failed: Sequence[Attempt]) -> None:
    """Give each row that swaps reflections the next failure at another problem; parquet wants the columns in all."""
    for row in rows:
        row |= dict.fromkeys(("other_prompt", "other_attempt", "other_attempt_ids"))
    swapping = [row for row in rows if row["data_source"] == "countdown/swapped"]
    for place, (row, failure) in enumerate(zip(swapping, failed, strict=True)):
        others = (*failed[place + 1 :], *failed[:place])
        other = next(each for each in others if each.problem.target != failure.problem.target)
        row["other_prompt"] = [{"role": "user", "content": other.problem.text}]
        row["other_attempt"], row["other_attempt_ids"] = other.text, other.token_ids


def _ground_truth(problem: Problem) -> dict[str, object]:
    return {"target": problem.target, "numbers": list(problem.numbers)}
