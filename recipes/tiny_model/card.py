"""What a checkpoint can do, for the `card.json` beside it: its accuracies on held-out problems, at temperature 1."""

import json
import random
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

from recipes.tiny_model.conversations import Exchange, encode_question
from recipes.tiny_model.reflections import REFLECTION_REQUEST
from verl_reflect.demo.data import Attempt, failures, first_attempts
from verl_reflect.demo.problems import split_problems
from verl_reflect.demo.sampling import sample, words_of

ITEMS = 500


def write_card(
    out: Path, model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, settings: Mapping[str, object]
) -> None:
    """Measure the model and write `card.json`: the settings it was made with, accuracies, sizes and versions."""
    card = {
        **settings,
        "licence": "Apache-2.0",
        "parameters": model.num_parameters(),
        "accuracy_held_out": accuracies(model, tokenizer),
        "versions": {name: version(name) for name in ("torch", "transformers", "tokenizers")},
    }
    (out / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def accuracies(model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast) -> dict[str, float]:
    """Shares of right answers: first tries, then second tries at the same failures with a reflection and without."""
    model.train(False)
    rng = random.Random(0)
    problems = split_problems()[1]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = [rng.choice(problems).shuffled(rng) for _ in range(ITEMS)]
        first = list(first_attempts(model, tokenizer, drawn))
        failed = failures(model, tokenizer, problems, ITEMS, rng)
        return {
            "first_try": _share(first),
            "second_try_after_reflecting": _share(_second_tries(model, tokenizer, failed, reflect=True)),
            "second_try_blind": _share(_second_tries(model, tokenizer, failed, reflect=False)),
        }


def _second_tries(
    model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, failed: list[Attempt], *, reflect: bool
) -> list[Attempt]:
    histories = [[Exchange(attempt.problem.text, attempt.text)] for attempt in failed]
    if reflect:
        reflections = _say(model, tokenizer, histories, [REFLECTION_REQUEST] * len(failed))
        for history, reflection in zip(histories, reflections, strict=True):
            history.append(Exchange(REFLECTION_REQUEST, reflection))
    retries = _say(model, tokenizer, histories, [attempt.problem.text for attempt in failed])
    return [Attempt(attempt.problem, retry, []) for attempt, retry in zip(failed, retries, strict=True)]


def _say(
    model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, histories: list[list[Exchange]], questions: list[str]
) -> list[str]:
    prompts = [encode_question(history, asked, tokenizer) for history, asked in zip(histories, questions, strict=True)]
    return [words_of(answer, tokenizer) for answer in sample(model, tokenizer, prompts)]


def _share(attempts: list[Attempt]) -> float:
    return round(sum(attempt.passed for attempt in attempts) / len(attempts), 3)
