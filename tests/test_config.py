"""The configuration: it composes with verl's engines and options, and a wrong key is one sentence."""

import json
from collections.abc import Callable
from dataclasses import fields

import pytest
from builders import ROOT, compose_config
from omegaconf import DictConfig, OmegaConf

from verl_reflect.config import FirstAttempt, Guard, ReflectConfig, default_section


@pytest.mark.parametrize(
    ("overrides", "scheduler"),
    [
        (["+recipe=reflect_grpo"], ("lr_scheduler_type", "cosine")),
        (["+recipe=reflect_grpo", "actor_rollout_ref.actor.strategy=fsdp2"], ("lr_scheduler_type", "cosine")),
        (["+recipe=reflect_grpo", "actor_rollout_ref.model.lora_rank=32"], ("lr_scheduler_type", "cosine")),
        (["model_engine=megatron", "+recipe=reflect_grpo_megatron"], ("lr_decay_style", "cosine")),
    ],
)
def test_the_recipe_composes_with(overrides: list[str], scheduler: tuple[str, str]) -> None:
    config = compose_config(*overrides, "+task=countdown")
    OmegaConf.resolve(config)
    assert ReflectConfig.from_config(config).reflection_prompt is None
    assert config.actor_rollout_ref.actor.optim[scheduler[0]] == scheduler[1]
    assert config.actor_rollout_ref.actor.optim.lr == 5e-7
    assert config.actor_rollout_ref.rollout.agent.agent_loop_config_path is None, "a user's own loops go there"


@pytest.mark.parametrize("engine", ["dp", "megatron"])
def test_verl_can_build_its_own_config_objects_from_the_recipe(engine: str) -> None:
    from verl.utils.config import omega_conf_to_dataclass

    suffix = "_megatron" if engine == "megatron" else ""
    config = compose_config(f"model_engine={engine}", f"+recipe=reflect_grpo{suffix}", "+task=countdown")
    assert omega_conf_to_dataclass(config.actor_rollout_ref.actor.optim).lr_warmup_steps_ratio == 0.03
    assert omega_conf_to_dataclass(config.actor_rollout_ref.rollout).n == 8


def test_the_order_of_recipe_and_task_does_not_matter() -> None:
    one = compose_config("+recipe=reflect_grpo", "+task=countdown")
    other = compose_config("+task=countdown", "+recipe=reflect_grpo")
    assert one == other


def test_with_our_config_name_the_groups_need_no_plus() -> None:
    config = compose_config(
        "recipe=reflect_grpo", "task=countdown", "reflect.retries_per_reflection=4", name="reflect_trainer"
    )
    assert ReflectConfig.from_config(config).retries_per_reflection == 4


def test_nothing_in_a_recipe_is_a_path_of_this_package() -> None:
    """verl resolves the configuration on one node, and on another the package may lie elsewhere."""
    config = compose_config("+recipe=reflect_grpo", "+task=countdown", "+hardware=cpu", "reflect.sampler=edge")
    assert str(ROOT) not in OmegaConf.to_yaml(config, resolve=True)


def test_without_the_recipe_verl_is_as_it_was() -> None:
    config = compose_config()
    assert "reflect" not in config
    assert config.actor_rollout_ref.rollout.agent.default_agent_loop == "single_turn_agent"
    assert config.trainer.v1.sampler.custom_sampler.path is None


def test_the_recipe_states_the_defaults_of_the_dataclass() -> None:
    section = compose_config("+recipe=reflect_grpo").reflect
    assert set(section) == {field.name for field in fields(ReflectConfig)}
    defaults = OmegaConf.structured(ReflectConfig)
    for name in set(section) - {"first_attempt"}:
        assert section[name] == defaults[name], name
    assert FirstAttempt[section.first_attempt] is defaults.first_attempt


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        (
            "+reflect.max_reflection_token=5",
            "reflect.max_reflection_token is not a setting; the settings are tasks, first_att",
        ),
        ("reflect.first_attempt=offline", "cannot be read: Invalid value 'offline'"),
        ("reflect.retries_per_reflection=0", "reflect.retries_per_reflection is 0; it must be at least 1."),
        ("reflect.retries_per_reflection=many", "cannot be read: Value 'many'"),
        ("reflect.verifier_timeout=0", "must be more than 0 seconds"),
        ("reflect.max_replaced_groups=-1", "cannot be negative"),
        ("reflect.reflection_prompt=' '", "reflect.reflection_prompt is empty"),
        ("reflect.retry_prompt='Try again.'", "does not contain {task}"),
        ("reflect.credit=everything", "choose one of reflection, reflection+retry, retry, all"),
        ("reflect.control=reversed", "choose one of none, shuffled, fixed"),
        ("reflect.max_attempts=0", "reflect.max_attempts is 0; it must be at least 1."),
        ("reflect.stale_after=-1", "reflect.stale_after is -1; it cannot be negative."),
        ("reflect.credit=all", "set reflect.first_attempt=live"),
        ("reflect.keep=[reflection]", "reflect.keep has reflection; it can have attempt and retry"),
        ("reflect.keep=[attempt]", "set reflect.first_attempt=live"),
        ("reflect.penalties.foreign=1", "reflect.penalties.foreign is not a setting; the settings are answer_in_refle"),
        ("reflect.penalties.too_long=-0.5", "reflect.penalties.too_long is -0.5; a penalty is 0 (off) or more."),
        ("reflect.penalties.too_long=inf", "reflect.penalties.too_long is inf; a penalty is 0"),
        ("reflect.penalties.too_long=much", "cannot be read: Value 'much'"),
        (
            "reflect.guards=[{metric: reflect/acc, bellow: 1}]",
            "bellow is not a setting; the settings are metric, below",
        ),
        ("reflect.guards=[{metric: reflect/acc}]", "The guard of reflect/acc in reflect.guards needs either below or"),
        ("reflect.guards=[{metric: reflect/acc, below: low}]", "cannot be read: Value 'low'"),
        ("reflect.guards=reflect/acc", "reflect.guards cannot be read"),
        ("reflect.expected_reflection_tokens=16", "is 16; it must be at least 1 and less than reflect.max_reflection"),
        ("reflect.expected_reflection_tokens=0", "is 0; it must be at least 1"),
    ],
)
def test_a_wrong_setting_is_one_sentence(
    recipe_config: Callable[..., DictConfig], assignment: str, sentence: str
) -> None:
    config = recipe_config()
    OmegaConf.set_struct(config, False)
    config.merge_with_dotlist([assignment.lstrip("+")])
    with pytest.raises(ValueError) as error:
        ReflectConfig.from_config(config)
    assert sentence in str(error.value) and "\n" not in str(error.value)


def test_penalties_need_reflections_that_are_trained(recipe_config: Callable[..., DictConfig]) -> None:
    config = recipe_config("reflect.credit=retry", "reflect.penalties.too_long=0.1")
    with pytest.raises(ValueError, match="trains none; set them to 0"):
        ReflectConfig.from_config(config)


def test_a_guard_is_read_from_the_command_line() -> None:
    guard = "{metric: reflect/self_similarity, above: 0.8, action: stop, steps: 20}"
    config = compose_config("+recipe=reflect_grpo", f"reflect.guards=[{guard}]", "reflect.penalties.too_long=0.1")
    OmegaConf.resolve(config)
    settings = ReflectConfig.from_config(config.trainer.v1.sampler.sampler_kwargs)
    assert settings.guards == [Guard("reflect/self_similarity", above=0.8, action="stop", steps=20)]
    assert (settings.penalties.too_long, settings.expected_reflection_length) == (0.1, 128.0)


def test_several_retries_cannot_be_trained(recipe_config: Callable[..., DictConfig]) -> None:
    config = recipe_config("reflect.credit=retry", "reflect.retries_per_reflection=2")
    with pytest.raises(ValueError, match="set that to 1"):
        ReflectConfig.from_config(config)


@pytest.mark.parametrize(
    ("overrides", "rows"),
    [
        ([], 1),
        (["reflect.credit=reflection+retry"], 2),
        (["reflect.credit=all"], 3),
        (["reflect.keep=[retry]"], 2),
    ],
)
def test_a_step_is_one_update_whatever_is_trained(overrides: list[str], rows: int) -> None:
    config = compose_config("+recipe=reflect_grpo", "data.train_batch_size=10", *overrides)
    assert config.actor_rollout_ref.actor.ppo_mini_batch_size == 10 * rows


def test_a_kept_turn_has_room(recipe_config: Callable[..., DictConfig]) -> None:
    config = recipe_config("reflect.keep=[retry]", "reflect.max_retry_tokens=600")
    assert config.data.max_response_length == 600 and config.algorithm.adv_estimator == "grpo_keeping"


@pytest.mark.parametrize(
    "assignments",
    [
        ["reflect.credit=reflection+retry", "reflect.keep=[attempt]", "reflect.first_attempt=live"],
        ["reflect.credit=retry", "reflect.keep=[retry]"],
        ["reflect.control=shuffled", "reflect.keep=[retry]"],
        ["reflect.retries_per_reflection=2", "reflect.keep=[retry]"],
    ],
)
def test_what_cannot_be_kept_is_said(recipe_config: Callable[..., DictConfig], assignments: list[str]) -> None:
    with pytest.raises(ValueError, match=r"reflect\.keep"):
        ReflectConfig.from_config(recipe_config(*assignments))


def test_a_trained_attempt_is_made_once(recipe_config: Callable[..., DictConfig]) -> None:
    config = recipe_config("reflect.credit=all", "reflect.first_attempt=live", "reflect.max_attempts=2")
    with pytest.raises(ValueError, match="would drop those that pass; set that to 1"):
        ReflectConfig.from_config(config)


@pytest.mark.parametrize(
    ("credit", "longest"), [("reflection", 256), ("reflection+retry", 600), ("retry", 600), ("all", 700)]
)
def test_a_response_has_room_for_the_longest_turn_that_is_trained(credit: str, longest: int) -> None:
    config = compose_config(
        "+recipe=reflect_grpo",
        f"reflect.credit={credit}",
        "reflect.max_retry_tokens=600",
        "reflect.max_attempt_tokens=700",
    )
    assert config.data.max_response_length == longest


@pytest.mark.parametrize(
    ("recipe", "loop", "length"),
    [("reflect_grpo", "reflect_retry", 1), ("blind_retry_grpo", "blind_retry", 3), ("grpo", "first_try", 3)],
)
def test_the_baselines_differ_in_who_is_trained(recipe: str, loop: str, length: int) -> None:
    limits = ["reflect.max_reflection_tokens=1", "reflect.max_attempt_tokens=2", "reflect.max_retry_tokens=3"]
    config = compose_config(f"+recipe={recipe}", "+task=countdown", *limits)
    assert config.actor_rollout_ref.rollout.agent.default_agent_loop == loop
    assert config.data.max_response_length == length
    assert config.algorithm.adv_estimator == "grpo"


@pytest.mark.parametrize(
    ("control", "estimator", "loop"),
    [
        ("none", "grpo", "reflect_retry"),
        ("shuffled", "grpo_shuffled", "reflect_retry"),
        ("fixed", "grpo", "fixed_reflection"),
    ],
)
def test_a_control_is_one_override(control: str, estimator: str, loop: str) -> None:
    config = compose_config("+recipe=reflect_grpo", f"reflect.control={control}")
    assert config.algorithm.adv_estimator == estimator
    assert config.actor_rollout_ref.rollout.agent.default_agent_loop == loop


def test_the_recipe_takes_every_default_from_the_settings() -> None:
    """And as plain values: what verl logs and sends to other processes is no enumeration of ours."""
    config = compose_config("+recipe=reflect_grpo")
    assert OmegaConf.to_container(config.reflect) == OmegaConf.to_container(default_section())
    assert type(config.reflect.first_attempt) is str and json.dumps(OmegaConf.to_container(config.reflect))
