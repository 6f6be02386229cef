"""Merged LoRA on a CPU: after each weight sync the server samples from what was trained (adapters: test_training.py).

Upstream a merged adapter was seen to turn the server's samples to noise from the second sync on.
"""

from pathlib import Path
from typing import Any

import pytest

from verl_reflect.demo.data import CHECKPOINT, make_data
from verl_reflect.demo.training import ToyTraining

pytestmark = pytest.mark.e2e

STEPS = 4
SMALL = (
    *("data.train_batch_size=4", "actor_rollout_ref.rollout.n=4", "reflect.first_attempt=live"),
    *("trainer.val_before_train=false", "trainer.test_freq=-1"),
    *("actor_rollout_ref.model.lora_rank=8", "actor_rollout_ref.actor.optim.lr=5e-3"),
    "actor_rollout_ref.model.lora.merge=true",
    "actor_rollout_ref.actor.use_kl_loss=true",  # how far the adapter has moved the model
)


def test_samples_come_from_the_merged_weights_that_were_trained(tmp_path: Path) -> None:
    make_data(tmp_path / "data", CHECKPOINT, train=64, held_out=8, seed=0)
    training = ToyTraining(tmp_path, tmp_path / "data", CHECKPOINT, 1, STEPS, STEPS, SMALL)
    steps: list[dict[str, Any]] = [record["data"] for record in training.run()]
    agreement = [step["training/rollout_probs_diff_mean"] for step in steps]
    moved = [step["actor/kl_loss"] for step in steps]
    assert len(steps) == STEPS and max(agreement) < 1e-3, "verl rounds merged weights to bf16"
    assert all(step["actor/grad_norm"] > 0 for step in steps)
    assert moved[-1] > 1e-4 and moved[-1] > 10 * moved[0]
