"""A limit of tokens counts for each of the GPUs that share a sequence, and only where micro-batches are made by it."""

from pathlib import Path

import pytest
from checked import good_config, refusal

ACTOR, ROLLOUT, REFERENCE = "actor_rollout_ref.actor", "actor_rollout_ref.rollout", "actor_rollout_ref.ref"
SHORT = f"{ACTOR}.ppo_max_token_len_per_gpu=50"  # a row takes up to 87
SHARED = f"{ACTOR}.ulysses_sequence_parallel_size=2"
KL = f"{ACTOR}.use_kl_loss=true"
LORA = "actor_rollout_ref.model.lora_rank=8"


@pytest.mark.parametrize(
    "assignments",
    [
        (SHORT, SHARED),
        (SHORT, f"{ACTOR}.fsdp_config.ulysses_sequence_parallel_size=2"),
        (SHORT, f"{ACTOR}.use_dynamic_bsz=false"),
        (f"{REFERENCE}.log_prob_max_token_len_per_gpu=50",),  # there is no reference
        (KL, f"{REFERENCE}.log_prob_max_token_len_per_gpu=50", LORA),  # it is the actor without its adapter
        (f"{ROLLOUT}.log_prob_max_token_len_per_gpu=50", "algorithm.rollout_correction.bypass_mode=true"),
    ],
)
def test_a_limit_that_is_enough_passes(tmp_path: Path, assignments: tuple[str, ...]) -> None:
    assert refusal(good_config(tmp_path, *assignments), "token budget") is None


@pytest.mark.parametrize(
    ("assignments", "sentence"),
    [
        ((SHORT,), f"{ACTOR}.ppo_max_token_len_per_gpu is 50 and a conversation can take 87 tokens"),
        (
            (f"{ACTOR}.ppo_max_token_len_per_gpu=40", SHARED),
            f"{ACTOR}.ppo_max_token_len_per_gpu times the 2 GPUs that share a sequence is 80 and",
        ),
        ((f"{ROLLOUT}.log_prob_max_token_len_per_gpu=50",), f"{ROLLOUT}.log_prob_max_token_len_per_gpu is 50"),
        ((KL, f"{REFERENCE}.log_prob_max_token_len_per_gpu=50"), f"{REFERENCE}.log_prob_max_token_len_per_gpu is 50"),
        (
            ("critic.enable=true", "critic.ppo_infer_max_token_len_per_gpu=50"),
            "critic.ppo_infer_max_token_len_per_gpu is 50",
        ),
        ((f"{ROLLOUT}.log_prob_max_token_len_per_gpu=null",), "set it to a number of tokens"),
    ],
)
def test_one_that_is_not_is_named(tmp_path: Path, assignments: tuple[str, ...], sentence: str) -> None:
    assert sentence in str(refusal(good_config(tmp_path, *assignments), "token budget"))
