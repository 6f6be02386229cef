"""Keys that older versions of verl read, and the V1 trainer does not."""

from pathlib import Path

import pytest
from checked import good_config, refusal

from verl_reflect.checks.trainer import MOVED


@pytest.mark.parametrize(
    ("assignment", "now"),
    [
        ("custom_reward_function.path=my_reward.py", "reward.custom_reward_function.path, which is None"),
        ("custom_reward_function.name=score", "reward.custom_reward_function.name"),
        ("reward_model.reward_manager=dapo", "reward.reward_manager.name, which is ReflectRewardManager"),
        ("reward_model.enable=true", "reward.reward_model.enable, which is False"),
        ("reward_model.model.path=a/model", "reward.reward_model.model_path"),
        ("reward_model.rollout.name=sglang", "reward.reward_model.rollout.name"),
        ("reward_model.reward_kwargs.overlong=1", "reward.reward_model.reward_kwargs.overlong"),
        ("reward_model=text", "reward.reward_model"),
        ("reward_manager=naive", "reward.reward_manager.name"),
        ("reward_manager.name=naive", "reward.reward_manager.name"),
        ("sandbox_fusion.url=http://sandbox", "reward.sandbox_fusion.url"),
    ],
)
def test_a_key_that_is_ignored_is_refused_with_the_one_that_counts(tmp_path: Path, assignment: str, now: str) -> None:
    sentence = str(refusal(good_config(tmp_path, assignment), "moved keys"))
    key, _, value = assignment.partition("=")
    assert sentence.lower().startswith(f"{key} is {value}, and verl's v1 trainer ignores that key".lower())
    assert f"what counts is {now}" in sentence


def test_one_that_says_what_counts_anyway_passes(tmp_path: Path) -> None:
    assert refusal(good_config(tmp_path, "reward_model.enable=false"), "moved keys") is None


def test_the_table_has_what_verl_moves() -> None:
    """verl's own move, which only its older trainers make."""
    import inspect

    from verl.experimental.reward_loop.reward_loop import migrate_legacy_reward_impl

    source = inspect.getsource(migrate_legacy_reward_impl)
    assert all(section in source for section in ("custom_reward_function", "reward_model", "sandbox_fusion"))
    for old, new in MOVED.items():
        name = old.rpartition(".")[2]
        assert old == "reward_manager" or name in source or new.rpartition(".")[2] in source
