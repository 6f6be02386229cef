"""The starts on disk, and how they are made: `python -m recipes.replication checkpoints`.

They come with the repository, because the large ones take half an hour on two cores, and the small ones ten minutes.
Weights are rounded to bfloat16, which halves the files; all that follows computes in float32.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version
from itertools import product
from pathlib import Path

import torch
from torch.multiprocessing import get_context
from transformers import AutoModelForCausalLM
from transformers.utils.logging import disable_progress_bar

from recipes.replication.language import tokenizer
from recipes.replication.models import ARCHITECTURES, SIZES, Model, build_model, parameters
from recipes.replication.starts import phases, train

FOLDER = Path(__file__).parent / "checkpoints"


def load_start(name: str) -> Model:
    """A start, such as `llama-small`, in float32 and ready to speak."""
    disable_progress_bar()  # type: ignore[no-untyped-call]
    model = AutoModelForCausalLM.from_pretrained(FOLDER / name, dtype=torch.float32)
    assert isinstance(model, Model)
    model.train(False)
    return model


def missing_starts(names: Iterable[str]) -> list[str]:
    """Those of these starts that are not on disk."""
    return sorted({name for name in names if not (FOLDER / name / "card.json").exists()})


def make_start(architecture: str, size: str, seed: int) -> None:
    """Train one from nothing and write its folder, which transformers, vLLM and verl load, and its card."""
    torch.set_num_threads(1)
    language, folder = tokenizer(), FOLDER / f"{architecture}-{size}"
    model = build_model(architecture, size, language, seed)
    for phase in phases(size):
        train(model, language, phase, seed)
    save_start(model, folder, size, seed)


def save_start(model: Model, folder: Path, size: str, seed: int) -> None:
    """Write a start's folder."""
    card = {
        "licence": "Apache-2.0",
        "seed": seed,
        "parameters_without_embeddings": parameters(model),
        "phases": [asdict(phase) for phase in phases(size)],
        "versions": {name: version(name) for name in ("torch", "transformers", "tokenizers")},
    }
    model.bfloat16().save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    (folder / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def make_starts(seed: int) -> None:
    """Make all of them anew, two at a time."""
    jobs = [(architecture, size, seed) for size, architecture in product(reversed(SIZES), ARCHITECTURES)]
    with get_context("spawn").Pool(2) as pool:
        pool.starmap(make_start, jobs, chunksize=1)
