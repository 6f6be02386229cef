"""A name that verl would look up in the middle of a run, and not find, is named before it."""

from pathlib import Path

import pytest
from checked import good_config, refusal

ACTOR = "actor_rollout_ref.actor"
CORRECTION = "algorithm.rollout_correction"
ATTENTION = "actor_rollout_ref.model.override_config.attn_implementation"


@pytest.mark.parametrize(
    ("key", "name", "meant"),
    [
        ("algorithm.adv_estimator", "grppo", "grpo"),
        (f"{ACTOR}.policy_loss.loss_mode", "vanila", "vanilla"),
        (f"{ACTOR}.kl_loss_type", "low_var", "low_var_kl"),
        (f"{ACTOR}.checkpoint.save_contents", "[model,hf_modle]", "hf_model"),
        (f"{ACTOR}.checkpoint.load_contents", "[optimiser]", "optimizer"),
        (f"{ACTOR}.optim.optimizer", "AdamX", "Adam"),
        (f"{CORRECTION}.rollout_is", "tokn", "token"),
        (f"{CORRECTION}.rollout_rs", "'token_k1,seq_sum_k9'", "seq_sum_k"),
        (ATTENTION, "sdppa", "sdpa"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_one_that_was_meant(
    tmp_path: Path, key: str, name: str, meant: str
) -> None:
    sentence = str(refusal(good_config(tmp_path, f"{key}={name}"), "names"))
    assert sentence.startswith(f"{key} has ") and f"did you mean {meant}" in sentence and "\n" not in sentence


@pytest.mark.parametrize(
    "assignment",
    [
        *(f"algorithm.adv_estimator={name}" for name in ("grpo", "grpo_keeping", "grpo_shuffled", "rloo")),
        *(f"{ACTOR}.policy_loss.loss_mode={name}" for name in ("vanilla", "gspo", "bypass_mode")),
        *(f"{ACTOR}.kl_loss_type={name}" for name in ("low_var_kl", "k3+")),
        f"{ACTOR}.checkpoint.save_contents=[model,hf_model]",
        f"{ACTOR}.optim.optimizer=SGD",
        f"{CORRECTION}.rollout_rs='token_k1,seq_mean_k3'",
        *(f"{ATTENTION}={name}" for name in ("eager", "flash_attention_2", "kernels-community/flash-attn")),
    ],
)
def test_names_that_verl_knows_pass(tmp_path: Path, assignment: str) -> None:
    assert refusal(good_config(tmp_path, assignment), "names") is None


def test_an_optimizer_comes_from_a_module(tmp_path: Path) -> None:
    sentence = refusal(good_config(tmp_path, f"{ACTOR}.optim.optimizer_impl=torch.optm"), "names")
    assert "optimizer_impl is torch.optm, which cannot be imported" in str(sentence)
    megatron = (f"{ACTOR}.strategy=megatron", f"{ACTOR}.optim.optimizer=adam")
    assert refusal(good_config(tmp_path, *megatron), "names") is None
