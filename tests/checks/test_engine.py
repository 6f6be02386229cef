"""The rollout engine and the attention that a run needs, as far as this machine can tell."""

from pathlib import Path

import pytest
from checked import good_config, refusal

from verl_reflect.checks import engine
from verl_reflect.checks.engine import check_rollout_engine
from verl_reflect.checks.run import Run
from verl_reflect.finding import Doubt

CPU = "ray_kwargs.ray_init.runtime_env.env_vars.VERL_PLATFORM=cpu"
ATTENTION = "actor_rollout_ref.model.override_config.attn_implementation"


def test_an_engine_that_verl_lacks_is_refused(tmp_path: Path) -> None:
    config = good_config(tmp_path, "actor_rollout_ref.rollout.name=vlm")
    assert "is vlm, and verl has no such engine; choose one of vllm" in str(refusal(config, "rollout engine"))


def test_one_that_is_not_installed_is_refused_where_it_would_run(tmp_path: Path) -> None:
    sglang = "actor_rollout_ref.rollout.name=sglang"
    assert "sglang is not installed; install it" in str(refusal(good_config(tmp_path, sglang, CPU), "rollout engine"))
    assert isinstance(check_rollout_engine(Run(good_config(tmp_path, sglang))), Doubt), "the GPUs are elsewhere"


def test_flash_attention_is_missed_where_there_is_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    assert refusal(good_config(tmp_path), "attention") is None, "the GPUs are elsewhere"
    monkeypatch.setattr(engine, "_has_gpu", lambda: True)
    sentence = str(refusal(good_config(tmp_path), "attention"))
    assert "flash-attn is not installed" in sentence and "+hardware=no_flash_attn" in sentence
    assert refusal(good_config(tmp_path, f"{ATTENTION}=sdpa"), "attention") is None


def test_cpus_have_no_flash_attention(tmp_path: Path) -> None:
    assert "which CPUs lack; set it to sdpa" in str(refusal(good_config(tmp_path, CPU), "attention"))
    assert refusal(good_config(tmp_path, CPU, f"{ATTENTION}=sdpa"), "attention") is None
