"""What is said of a run on CPUs before its model loads."""

import pytest
from builders import compose_config

from verl_reflect.checks import cpu
from verl_reflect.checks.cpu import check_cpu
from verl_reflect.checks.run import Run
from verl_reflect.demo.data import CHECKPOINT
from verl_reflect.finding import Doubt

LORA = ("actor_rollout_ref.model.lora_rank=8",)


def said(*overrides: str, hardware: tuple[str, ...] = ("+hardware=cpu",)) -> str:
    path = f"actor_rollout_ref.model.path={CHECKPOINT}"
    return check_cpu(Run(compose_config("+recipe=reflect_grpo", "+task=countdown", *hardware, path, *overrides)))


def test_the_profile_is_in_order_with_and_without_lora() -> None:
    assert not isinstance(said(), Doubt) and not isinstance(said(*LORA), Doubt)


def test_a_micro_batch_that_does_not_fit_is_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "memory_of_machine", lambda: 10**6)
    doubt = said("actor_rollout_ref.actor.ppo_max_token_len_per_gpu=5000")
    assert isinstance(doubt, Doubt) and "ppo_max_token_len_per_gpu=5000 tokens can take" in doubt
    assert "\n" not in doubt


def test_merged_lora_is_said_to_be_rounded() -> None:
    doubt = said(*LORA, "actor_rollout_ref.model.lora.merge=true")
    assert isinstance(doubt, Doubt) and "actor_rollout_ref.model.lora.merge=false" in doubt


def test_other_hardware_is_none_of_its_business() -> None:
    merged = (*LORA, "actor_rollout_ref.model.lora.merge=true")
    assert not isinstance(said(*merged, hardware=()), Doubt)
