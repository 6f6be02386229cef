"""What verl's asynchronous trainers need is said before a model loads."""

from pathlib import Path

import pytest
from checked import doubts, good_config, refusal

from verl_reflect.checks.asynchrony import check_asynchrony
from verl_reflect.checks.run import Run

COLOCATED = "trainer.v1.trainer_mode=colocate_async"
SEPARATE = (
    "trainer.v1.trainer_mode=separate_async",
    "actor_rollout_ref.rollout.nnodes=1",
    "actor_rollout_ref.rollout.checkpoint_engine.backend=nccl",
)
THRESHOLD, STRATEGY = "trainer.v1.sampler.max_off_policy_threshold", "trainer.v1.sampler.max_off_policy_strategy"


@pytest.mark.parametrize("first_attempt", ["dataset", "live"])
@pytest.mark.parametrize("assignments", [(COLOCATED,), SEPARATE])
def test_the_recipe_fits_both_modes(tmp_path: Path, assignments: tuple[str, ...], first_attempt: str) -> None:
    config = good_config(tmp_path, *assignments, f"reflect.first_attempt={first_attempt}")
    assert refusal(config, "trainer", "asynchrony", "group", "batches") is None
    said = "rows are up to 1 steps old" if assignments == (COLOCATED,) else "never run from end to end"
    assert said in check_asynchrony(Run(config))
    assert config.algorithm.rollout_correction.bypass_mode is True
    assert config.trainer.v1.sampler.custom_sampler.name == "ReflectReplayBufferAsync"


def test_a_synchronous_run_corrects_nothing(tmp_path: Path) -> None:
    config = good_config(tmp_path)
    assert config.algorithm.rollout_correction.bypass_mode is False
    assert config.trainer.v1.sampler.custom_sampler.name == "ReflectReplayBuffer"


@pytest.mark.parametrize(
    ("assignments", "sentence"),
    [
        ((COLOCATED, "actor_rollout_ref.rollout.calculate_log_probs=false"), "set actor_rollout_ref.rollout.calculate"),
        ((COLOCATED, f"{THRESHOLD}=1"), f"{THRESHOLD} is 1, .* up to 2 steps old; set it to 2 or more"),
        ((COLOCATED, f"{THRESHOLD}=2", "reflect.first_attempt=live"), "up to 3 steps old; set it to 3 or more"),
        ((COLOCATED, f"{THRESHOLD}=3", "trainer.v1.colocate_async.num_warmup_batches=2.5"), "up to 4 steps old"),
        ((COLOCATED, f"{STRATEGY}=wait", "reflect.first_attempt=live"), "both would wait for ever; set it to drop"),
        ((*SEPARATE, "actor_rollout_ref.rollout.nnodes=0"), "rollout.nnodes is 0, .* set it to 1 or more"),
        ((*SEPARATE, "actor_rollout_ref.rollout.checkpoint_engine.backend=naive"), "set it to nccl"),
        ((*SEPARATE, "ray_kwargs.ray_init.runtime_env.env_vars.VERL_PLATFORM=cpu"), "is nccl, .* set it to file"),
        ((*SEPARATE, "trainer.v1.separate_async.hybrid_rollout.enable_switch=true"), "set it to False"),
        ((*SEPARATE, "trainer.v1.separate_async.parameter_sync_step=3"), "train_batch_size=8 must be .*=3 times"),
        ((*SEPARATE, "actor_rollout_ref.actor.ppo_mini_batch_size=8"), "must be .*=4 times .*ppo_mini_batch_size=8"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, assignments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        found = refusal(good_config(tmp_path, *assignments), "asynchrony")
        assert found is None, found


def test_rows_of_older_weights_without_a_correction_are_doubtful(tmp_path: Path) -> None:
    uncorrected = (COLOCATED, "algorithm.rollout_correction.bypass_mode=false")
    assert "takes the present ones for those that wrote them" in "".join(doubts(good_config(tmp_path, *uncorrected)))
    corrected = good_config(tmp_path, *uncorrected, "algorithm.rollout_correction.rollout_is=token")
    assert not any("those that wrote them" in doubt for doubt in doubts(corrected))


def test_servers_of_their_own_are_divided_by_themselves(tmp_path: Path) -> None:
    rollout = "actor_rollout_ref.rollout"
    config = good_config(tmp_path, *SEPARATE, f"{rollout}.n_gpus_per_node=2", f"{rollout}.tensor_model_parallel_size=4")
    assert f"the 2 of the run ({rollout}.nnodes times {rollout}.n_gpus_per_node)" in (refusal(config, "batches") or "")


def test_a_guard_on_what_only_asynchronous_trainers_have_is_refused_elsewhere(tmp_path: Path) -> None:
    guard = "reflect.guards=[{metric: reflect/session_staleness, above: 3}]"
    assert "which only verl's asynchronous trainers have" in (refusal(good_config(tmp_path, guard), "guards") or "")
    assert refusal(good_config(tmp_path, guard, COLOCATED), "guards") is None
