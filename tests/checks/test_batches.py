"""The rows of a step can be shared out as verl's trainer needs it, or it is said before a model loads."""

from pathlib import Path

import pytest
from checked import doubts, good_config, refusal

ACTOR, ROLLOUT, REFERENCE = "actor_rollout_ref.actor", "actor_rollout_ref.rollout", "actor_rollout_ref.ref"
KL = f"{ACTOR}.use_kl_loss=true"
BY_ROWS = (
    f"{ACTOR}.use_dynamic_bsz=false",
    f"{ACTOR}.ppo_micro_batch_size_per_gpu=4",
    f"{ROLLOUT}.log_prob_micro_batch_size_per_gpu=4",
)


@pytest.mark.parametrize(
    "assignments",
    [
        (),
        ("trainer.nnodes=2",),
        (f"{ROLLOUT}.tensor_model_parallel_size=4",),
        ("trainer.n_gpus_per_node=4", f"{ACTOR}.ulysses_sequence_parallel_size=4"),
        BY_ROWS,
        (*BY_ROWS, KL, f"{REFERENCE}.log_prob_micro_batch_size_per_gpu=8"),
        ("trainer.val_only=true", "trainer.n_gpus_per_node=3", f"{ROLLOUT}.tensor_model_parallel_size=1"),
        ("reflect.credit=reflection+retry", f"{ACTOR}.loss_agg_mode=seq-mean-token-sum"),
        ("reflect.credit=all", "reflect.first_attempt=live"),
        ("reflect.keep=[retry]", KL),
        (f"{ACTOR}.strategy=torchtitan", "trainer.n_gpus_per_node=24"),
    ],
)
def test_what_can_be_shared_out_passes(tmp_path: Path, assignments: tuple[str, ...]) -> None:
    assert refusal(good_config(tmp_path, *assignments), "batches") is None


@pytest.mark.parametrize(
    ("assignments", "sentence"),
    [
        (
            ("trainer.n_gpus_per_node=24",),
            f"{ACTOR}.ppo_mini_batch_size=8 times {ROLLOUT}.n=8 makes updates of 64 rows, which 24 data-parallel GPUs",
        ),
        (("trainer.nnodes=3",), "which 24 data-parallel GPUs, or groups of GPUs, cannot share equally"),
        (
            (f"{ACTOR}.ulysses_sequence_parallel_size=3", "trainer.n_gpus_per_node=4"),
            f"There are 4 GPUs (trainer.nnodes times trainer.n_gpus_per_node), which cannot be divided by "
            f"{ACTOR}.ulysses_sequence_parallel_size=3",
        ),
        (
            (f"{ACTOR}.fsdp_config.ulysses_sequence_parallel_size=16",),
            f"cannot be divided by {ACTOR}.fsdp_config.ulysses_sequence_parallel_size=16",
        ),
        (
            (f"{ACTOR}.strategy=megatron", f"{ACTOR}.megatron.tensor_model_parallel_size=16"),
            f"cannot be divided by {ACTOR}.megatron.tensor_model_parallel_size=16 times",
        ),
        ((f"{ROLLOUT}.tensor_model_parallel_size=3",), f"takes 3 GPUs ({ROLLOUT}.tensor_model_parallel_size=3)"),
        ((f"{ROLLOUT}.tensor_model_parallel_size=4", f"{ROLLOUT}.data_parallel_size=4"), "takes 16 GPUs"),
        ((f"{ROLLOUT}.log_prob_use_dynamic_bsz=false",), "verl wants them equal; remove the override of the second"),
        ((f"{ACTOR}.use_dynamic_bsz=false",), f"{ACTOR}.ppo_micro_batch_size_per_gpu is null and"),
        ((*BY_ROWS, f"{ACTOR}.ppo_micro_batch_size_per_gpu=3"), "is 3 and does not divide the 8 rows"),
        ((*BY_ROWS, f"{ROLLOUT}.log_prob_micro_batch_size_per_gpu=5"), "is 5 and does not divide the 8 rows"),
        ((*BY_ROWS, KL), f"{REFERENCE}.log_prob_micro_batch_size_per_gpu is null and"),
        (("algorithm.adv_estimator=gae",), "critic.model.path names no model of yours"),
    ],
)
def test_what_cannot_is_named(tmp_path: Path, assignments: tuple[str, ...], sentence: str) -> None:
    assert sentence in str(refusal(good_config(tmp_path, *assignments), "batches"))


@pytest.mark.parametrize(
    ("assignments", "doubt"),
    [
        (
            ("reflect.credit=all", "reflect.first_attempt=live", f"{ACTOR}.loss_agg_mode=seq-mean-token-sum"),
            "fills the 64 to 192 rows of a step up to a multiple of 192 with empty ones: the loss comes out times 0.33 "
            "to 1.00;",
        ),
        (
            ("reflect.keep=[retry]", KL, f"{ACTOR}.loss_agg_mode=seq-mean-token-mean"),
            "the 64 to 128 rows of a step up to a multiple of 128 with empty ones: the loss comes out times 0.50 to",
        ),
        (
            ("reflect.keep=[attempt]", "reflect.first_attempt=live", KL, f"{ACTOR}.loss_agg_mode=seq-mean-token-sum"),
            "the 72 rows of a step up to a multiple of 128 with empty ones: the loss comes out times 0.56;",
        ),
        ((f"{ACTOR}.ppo_mini_batch_size=16",), "does not divide the 64 rows of a step: verl fills them up to 128"),
        ((f"{ACTOR}.ppo_mini_batch_size=3",), "does not divide the 64 rows of a step: verl fills them up to 72"),
    ],
)
def test_padding_that_costs_something_is_doubted(tmp_path: Path, assignments: tuple[str, ...], doubt: str) -> None:
    assert doubt in " ".join(doubts(good_config(tmp_path, *assignments)))
