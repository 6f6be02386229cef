"""The miniature's failures as data for verl, so that its own trainer can begin at the same start.

    python -m recipes.replication.verl_data --start llama-small --world calls --out data/miniature
    python -m verl.trainer.main_ppo +recipe=reflect_grpo +task=countdown_toy +hardware=cpu \\
        actor_rollout_ref.model.path=recipes/replication/checkpoints/llama-small \\
        data.train_files=data/miniature/train.parquet data.val_files=data/miniature/validation.parquet

(`countdown_toy` is the setting of a model this small; the rows say which task judges them.)
"""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

import torch

from recipes.replication.checkpoints import load_start
from recipes.replication.language import WORLDS, tokenizer
from recipes.replication.rollout import Rollout, Try, failures
from recipes.replication.world import drawn
from verl_reflect.demo.data import SECOND_TRIES
from verl_reflect.records.parquet import write_dataset

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
    return {**row, "data_source": f"{row['data_source']}/{kind}", "agent_name": SECOND_TRIES[kind]}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Data for verl: failures of one of the miniature's starts.")
    parser.add_argument("--start", required=True, help="such as llama-small")
    parser.add_argument("--world", required=True, choices=sorted(WORLDS))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--train", type=int, default=1500, help="failures to train on")
    parser.add_argument("--held-out", type=int, default=200, help="failures to validate on")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    sizes = {"train": given.train, "held_out": given.held_out}
    for path in make_data(given.out, given.start, given.world, **sizes, seed=given.seed):
        print(path)


if __name__ == "__main__":
    main()
