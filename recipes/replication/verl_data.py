"""The miniature's failures as data for verl, so that its own trainer can begin at the same start.

    python -m recipes.replication data --start llama-small --world calls --out data/miniature
    python -m verl.trainer.main_ppo +recipe=reflect_grpo +task=countdown_toy +hardware=cpu \\
        actor_rollout_ref.model.path=recipes/replication/checkpoints/llama-small \\
        data.train_files=data/miniature/train.parquet data.val_files=data/miniature/validation.parquet

(`countdown_toy` is the setting of a model this small; the rows say which task judges them.)
"""

import random
from pathlib import Path

import torch

from recipes.replication.checkpoints import load_start
from recipes.replication.language import WORLDS, tokenizer
from recipes.replication.rollout import Rollout, Try, failures
from recipes.replication.world import drawn
from verl_reflect.records.parquet import write_dataset
from verl_reflect.rollout.ways import WAYS

VALIDATED = ("reflect", "blind")
"""Second tries that a validation makes of each held-out failure."""


def make_data(out: Path, start: str, world: str, *, train: int, held_out: int, seed: int) -> list[Path]:
    """Write `train.parquet` and `validation.parquet`: failures of a start, such as `llama-small`, in a world."""
    rollout, model = Rollout(WORLDS[world], tokenizer()), load_start(start)
    rng = random.Random(seed)
    torch.manual_seed(seed)
    failed = failures(rollout, model, drawn(rollout.world, rng, held_out=False), train)
    unseen = failures(rollout, model, drawn(rollout.world, rng, held_out=True), held_out)
    rows = {
        "train": [_row(rollout, failure, index) for index, failure in enumerate(failed)],
        "validation": [
            _validation_row(rollout, f, index, kind) for kind in VALIDATED for index, f in enumerate(unseen)
        ],
    }
    card = {"licence": "Apache-2.0", "seed": seed, "source": f"failures of {start} in the miniature's {world}"}
    return [write_dataset(out / f"{name}.parquet", rows[name], {**card, "split": name}) for name in rows]


def _row(rollout: Rollout, failure: Try, index: int, split: str = "train") -> dict[str, object]:
    return {
        "data_source": rollout.world.data_source,
        "prompt": [{"role": "user", "content": failure.problem.text}],
        "ability": rollout.world.name,
        "reward_model": {"style": "rule", "ground_truth": failure.problem.ground_truth},
        "extra_info": {"split": split, "index": index},
        "first_attempt": rollout.text(failure.ids),
        "first_attempt_ids": failure.ids,
    }


def _validation_row(rollout: Rollout, failure: Try, index: int, kind: str) -> dict[str, object]:
    row = _row(rollout, failure, index, "validation")
    return {**row, "data_source": f"{row['data_source']}/{kind}", "agent_name": WAYS[kind].loop}
