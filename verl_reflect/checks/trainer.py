"""verl's trainer runs with our parts in place, and with no setting that it ignores."""

from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf

from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.plugin import replay_buffer

REPLAY_BUFFER = "trainer.v1.sampler.custom_sampler.name"
PARTS = {
    "actor_rollout_ref.rollout.agent.agent_loop_manager_class": (
        "verl_reflect.training.agent_loop_manager.ReflectAgentLoopManager"
    ),
    "reward.reward_manager.name": "ReflectRewardManager",
}
"""Ours, by the key that puts it in place."""

MOVED = {
    "custom_reward_function": "reward.custom_reward_function",
    "sandbox_fusion": "reward.sandbox_fusion",
    "reward_manager.source": "reward.reward_manager.source",
    "reward_manager.name": "reward.reward_manager.name",
    "reward_manager": "reward.reward_manager.name",
    "reward_model.num_workers": "reward.num_workers",
    "reward_model.reward_manager": "reward.reward_manager.name",
    "reward_model.reward_loop_source": "reward.reward_manager.source",
    "reward_model.reward_loop_module_path": "reward.reward_manager.module.path",
    "reward_model.reward_loop_class_name": "reward.reward_manager.module.name",
    "reward_model.model.path": "reward.reward_model.model_path",
    "reward_model": "reward.reward_model",
}
"""Keys of older verls and where they are now, which is all that the V1 trainer reads. Longer ones come first."""


def check_trainer(run: Run) -> str:
    """verl's V1 trainer runs, with our parts in place."""
    if not run.get("trainer.use_v1"):
        raise UnfitError("Only verl's V1 trainer is supported, which calls our parts; set trainer.use_v1=True.")
    mode = run.get("trainer.v1.trainer_mode")
    for key, needed in (*PARTS.items(), (REPLAY_BUFFER, replay_buffer(mode))):
        if (found := run.get(key)) != needed:
            raise UnfitError(f"{key} is {found} and must be {needed}; remove the override.")
    if run.get("reward.reward_model.enable"):
        raise UnfitError(
            "reward.reward_model.enable is True, but a reward function decides about success; set it to False."
        )
    if run.get("actor_rollout_ref.rollout.full_determinism"):
        raise UnfitError(
            "actor_rollout_ref.rollout.full_determinism would give all turns of a group one request id; set it to "
            "False."
        )
    return f"V1 trainer, {mode}"


def check_moved_keys(run: Run) -> str:
    """Nothing is set where older versions of verl looked for it."""
    for old, value in _leaves(run.config):
        place = next(prefix for prefix in MOVED if f"{old}.".startswith(f"{prefix}."))
        new = MOVED[place] + old.removeprefix(place)
        if value != (counts := _value_of(run.config, new)):
            raise UnfitError(
                f"{old} is {value}, and verl's V1 trainer ignores that key: what counts is {new}, which is {counts}; "
                "put it there, or remove it."
            )
    return "no key of an older verl"


def _value_of(config: DictConfig, key: str) -> Any:
    return OmegaConf.select(config, key, throw_on_resolution_failure=False)


def _leaves(config: DictConfig) -> Iterator[tuple[str, Any]]:
    """Every key of an older verl that has a value, resolved or not."""
    everything = OmegaConf.to_container(config)
    assert isinstance(everything, dict)
    stack = [(section, everything.get(section)) for section in sorted({place.partition(".")[0] for place in MOVED})]
    while stack:
        key, value = stack.pop()
        if isinstance(value, dict):
            stack += [(f"{key}.{name}", under) for name, under in value.items()]
        elif value is not None:
            yield key, value
