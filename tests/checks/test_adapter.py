"""What LoRA trains is in the model, and reaches the rollout engine."""

from pathlib import Path

import pytest
from checked import good_config, refusal

from verl_reflect.checks.adapter import check_adapter
from verl_reflect.checks.run import Run
from verl_reflect.finding import Doubt

MODEL = "actor_rollout_ref.model"
LORA = f"{MODEL}.lora_rank=8"


@pytest.mark.parametrize("rank", ["lora_rank", "lora.rank"])
def test_sglang_with_lora_is_told_of_the_way_that_works(tmp_path: Path, rank: str) -> None:
    lora = ("actor_rollout_ref.rollout.name=sglang", f"actor_rollout_ref.model.{rank}=8")
    remark = check_adapter(Run(good_config(tmp_path, *lora)))
    assert isinstance(remark, Doubt) and "set actor_rollout_ref.model.lora.merge=True" in remark
    merged = check_adapter(Run(good_config(tmp_path, *lora, "actor_rollout_ref.model.lora.merge=true")))
    with_vllm = check_adapter(Run(good_config(tmp_path, lora[1])))
    assert not isinstance(merged, Doubt) and not isinstance(with_vllm, Doubt)


@pytest.mark.parametrize("targets", ["all-linear", "[q_proj,v_proj]", "[layers.0.mlp.up_proj]", "'.*_proj'", "null"])
def test_modules_of_the_model_can_be_trained(tmp_path: Path, targets: str) -> None:
    assert refusal(good_config(tmp_path, LORA, f"{MODEL}.target_modules={targets}"), "adapter") is None


@pytest.mark.parametrize("targets", ["[q_prj]", "[q_proj,q_prj]", "q_prj", "[proj]"])
def test_a_target_that_the_model_lacks_is_named_even_beside_others(tmp_path: Path, targets: str) -> None:
    sentence = str(refusal(good_config(tmp_path, LORA, f"{MODEL}.target_modules={targets}"), "adapter"))
    assert f"{MODEL}.target_modules has {targets.strip('[]').split(',')[-1]}, and the model has no such" in sentence
    assert "choose among q_proj, k_proj" in sentence


def test_targets_count_only_with_lora(tmp_path: Path) -> None:
    assert refusal(good_config(tmp_path, f"{MODEL}.target_modules=[q_prj]"), "adapter") is None


def test_an_adapter_to_start_from_is_looked_for(tmp_path: Path) -> None:
    start = (LORA, f"{MODEL}.lora_adapter_path={tmp_path}")
    assert f"{tmp_path} has no adapter_config.json" in str(refusal(good_config(tmp_path, *start), "adapter"))
    (tmp_path / "adapter_config.json").touch()
    assert refusal(good_config(tmp_path, *start), "adapter") is None
