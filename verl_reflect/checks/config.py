"""Checks of a run's configuration, and of the model and the code that it names."""

from difflib import get_close_matches
from importlib.metadata import version

from omegaconf import OmegaConf

from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.checks.verl_names import NAMES, ON_CPU, TESTED, missing
from verl_reflect.config import CONTROLS, SAMPLERS, FirstAttempt
from verl_reflect.finding import Doubt
from verl_reflect.plugin import longest_trained_turn
from verl_reflect.rollout.chat_template import closing_as_template, end_of_turn_id
from verl_reflect.rollout.judge import why_unloadable
from verl_reflect.rollout.reward_function import RewardFunction
from verl_reflect.rollout.ways import REFLECTING
from verl_reflect.training.metrics import ALL, OF_LIVE_ATTEMPTS, OF_REFLECTIONS

SHOWN_NAMES = 3
"""Of those that verl lacks."""
GROUP_RELATIVE = ("grpo", "grpo_keeping", "grpo_shuffled", "grpo_passk", "rloo", "opo", "gpg")


def check_verl(run: Run) -> str:
    """The installed verl and TransferQueue have every name that this plugin uses."""
    installed = version("verl")
    on_cpu = OmegaConf.select(run.config, "ray_kwargs.ray_init.runtime_env.env_vars.VERL_PLATFORM") == "cpu"
    used = {**NAMES, **(ON_CPU if on_cpu else {})}
    if lost := missing(used):
        more = f" and {len(lost) - SHOWN_NAMES} names more" if len(lost) > SHOWN_NAMES else ""
        listed = ", ".join(f"{name} ({used[name]})" for name in lost[:SHOWN_NAMES])
        raise UnfitError(
            f"verl {installed}, or the TransferQueue beside it, lacks what this plugin stands on: {listed}{more}; "
            f"install what it was tested with: pip install 'verl[verl-core]=={TESTED[-1]}'."
        )
    if installed.partition("+")[0] not in TESTED:
        return Doubt(
            f"verl {installed} has every name that this plugin uses, but was never tried with it; "
            f"tested: verl {', '.join(TESTED)}."
        )
    return f"verl {installed}"


def check_settings(run: Run) -> str:
    """The `reflect` section is complete and in range."""
    settings = run.settings
    return f"first attempt: {settings.first_attempt.value}, {settings.retries_per_reflection} retry a reflection"


def check_trainer(run: Run) -> str:
    """verl's trainer runs in the mode that the method needs, with our parts in place."""
    config, rollout, trainer = run.config, run.rollout, run.config.trainer
    if not trainer.use_v1 or trainer.v1.trainer_mode != "sync":
        raise UnfitError(
            "Only verl's synchronous V1 trainer is supported (the asynchronous ones count a task solved at its first "
            "try, which leaves no row, as a group to train on); set trainer.use_v1=True trainer.v1.trainer_mode=sync."
        )
    parts = {
        "actor_rollout_ref.rollout.agent.agent_loop_manager_class": (
            rollout.agent.agent_loop_manager_class,
            "verl_reflect.training.agent_loop_manager.ReflectAgentLoopManager",
        ),
        "reward.reward_manager.name": (config.reward.reward_manager.name, "ReflectRewardManager"),
        "trainer.v1.sampler.custom_sampler.name": (trainer.v1.sampler.custom_sampler.name, "ReflectReplayBuffer"),
    }
    for key, (found, needed) in parts.items():
        if found != needed:
            raise UnfitError(f"{key} is {found} and must be {needed}; remove the override.")
    if config.reward.reward_model.enable:
        raise UnfitError(
            "reward.reward_model.enable is True, but a reward function decides about success; set it to False."
        )
    if rollout.full_determinism:
        raise UnfitError("rollout.full_determinism would give all turns of a group one request id; set it to False.")
    return "synchronous V1 trainer"


def check_group(run: Run) -> str:
    """A group has at least two reflections to compare, and the estimator can compare them."""
    estimator, sessions = str(run.config.algorithm.adv_estimator), run.rollout.n
    control = CONTROLS[run.settings.control]
    if run.settings.control == "shuffled" and estimator != control.estimator:
        raise UnfitError(
            f"reflect.control=shuffled needs algorithm.adv_estimator={control.estimator} and it is {estimator}; "
            "remove the override."
        )
    if not control.trains and not run.config.trainer.val_only:
        raise UnfitError(
            f"reflect.control={run.settings.control} puts in reflections that the model did not write, which cannot be "
            "trained; set trainer.val_only=True."
        )
    if len(run.settings.trained_turns) > 1 and estimator != "grpo":
        raise UnfitError(
            f"reflect.credit={run.settings.credit} makes several rows of a session, and verl's {estimator} would take "
            "them for several sessions; set algorithm.adv_estimator=grpo."
        )
    if run.settings.keep and not (estimator == "grpo_keeping" and run.config.actor_rollout_ref.actor.use_kl_loss):
        raise UnfitError(
            f"reflect.keep needs algorithm.adv_estimator=grpo_keeping (it is {estimator}) and a KL loss to keep with; "
            "remove any other estimator and set actor_rollout_ref.actor.use_kl_loss=true."
        )
    if estimator in GROUP_RELATIVE and sessions < 2:
        raise UnfitError(
            f"{estimator} compares the reflections of a group and rollout.n is {sessions}; set it to 2 or more."
        )
    return f"{estimator}, {sessions} reflections on each failure"


def check_guards(run: Run) -> str:
    """Guards watch metrics that this run will have, and penalties fall on reflections that it will have."""
    guards, penalties = run.settings.guards, run.settings.penalties
    loop = run.rollout.agent.default_agent_loop
    for guard in guards:
        if guard.metric not in ALL:
            close = get_close_matches(guard.metric, ALL, n=3, cutoff=0)
            raise UnfitError(f"reflect.guards names the metric {guard.metric}; did you mean {' or '.join(close)}?")
        if guard.metric in OF_REFLECTIONS and loop not in REFLECTING:
            raise UnfitError(f"reflect.guards watches {guard.metric}, and {loop} has no reflections; remove the guard.")
        if guard.metric in OF_LIVE_ATTEMPTS and run.settings.first_attempt is FirstAttempt.dataset:
            raise UnfitError(
                f"reflect.guards watches {guard.metric}, and first attempts are not live; remove the guard."
            )
    if penalties.used and loop not in REFLECTING:
        raise UnfitError(f"reflect.penalties are for reflections, and {loop} has none; set them to 0.")
    rewards = "with penalties, unlike the paper" if penalties.used else "without penalties"
    return f"rewards {rewards}; {len(guards)} guards"


def check_chat_template(run: Run) -> str:
    """The template tells turns apart and lets a user turn follow a failed attempt without re-encoding it."""
    from verl.utils.tokenizer.continuous_token_wiring import create_continuous_token_builder

    kwargs = dict(run.config.data.get("apply_chat_template_kwargs") or {})
    task = [{"role": "user", "content": "A task"}, {"role": "assistant", "content": "An answer"}]
    tokenizer, model_type = run.tokenizer, run.model_config.model_type
    try:
        end = end_of_turn_id(tokenizer, kwargs)
        builder = create_continuous_token_builder(tokenizer, hf_model_type=model_type, chat_template_kwargs=kwargs)
        builder.merge_context_tokens(task, [*task, {"role": "user", "content": "Again"}], [end])
        closing = closing_as_template(tokenizer, builder, kwargs)
    except Exception as error:  # templates raise errors of every kind
        raise UnfitError(f"The chat template cannot hold the conversation: {error}") from error
    remark = f"a turn ends with {tokenizer.convert_ids_to_tokens(end)}"
    return remark if closing else f"{remark}; between turns verl puts other tokens than the template"


def check_budget(run: Run) -> str:
    """The longest possible conversation fits the server, the model and the trainer."""
    settings, data, actor = run.settings, run.config.data, run.config.actor_rollout_ref.actor
    request = max(_turn_tokens(run, wording) for wording in run.reflection_prompts)
    again = _turn_tokens(run, settings.retry_prompt)
    row = data.max_prompt_length + settings.max_attempt_tokens + request + settings.max_reflection_tokens
    whole = row + data.max_prompt_length + again + settings.max_retry_tokens
    row = whole if "retry" in (*settings.trained_turns, *settings.keep) else row
    limits = {
        "actor_rollout_ref.rollout.max_model_len": (run.rollout.max_model_len, whole),
        "the model's max_position_embeddings": (getattr(run.model_config, "max_position_embeddings", None), whole),
    }
    if actor.use_dynamic_bsz:
        limits["actor_rollout_ref.actor.ppo_max_token_len_per_gpu"] = (actor.ppo_max_token_len_per_gpu, row)
    for name, (limit, needed) in limits.items():
        if limit is not None and limit < needed:
            raise UnfitError(
                f"{name} is {limit} and a conversation can take {needed} tokens (twice data.max_prompt_length="
                f"{data.max_prompt_length}, reflect.max_attempt_tokens={settings.max_attempt_tokens}, "
                f"reflect.max_reflection_tokens={settings.max_reflection_tokens}, reflect.max_retry_tokens="
                f"{settings.max_retry_tokens} and {request + again} for the requests); raise it or lower those."
            )
    longest = longest_trained_turn(
        settings.credit,
        settings.max_attempt_tokens,
        settings.max_reflection_tokens,
        settings.max_retry_tokens,
        settings.keep,
    )
    if run.rollout.agent.default_agent_loop in REFLECTING and data.max_response_length < longest:
        raise UnfitError(
            f"data.max_response_length={data.max_response_length} is shorter than a trained turn, which may take "
            f"{longest} tokens; remove the override, the recipe makes them equal."
        )
    return f"at most {row} tokens a training row, {whole} a conversation"


def _turn_tokens(run: Run, content: str) -> int:
    """Tokens of one user turn and of the opening of the model's."""
    turn = [{"role": "user", "content": content}]
    rendered = run.tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
    return len(run.tokenizer.encode(rendered, add_special_tokens=False))


def check_reward(run: Run) -> str:
    """The reward function and the user's tasks can be imported: in a process of their own, for they may do anything."""
    function = RewardFunction.from_config(run.config)
    if problem := why_unloadable(run.config, run.settings):
        if function.judges_by_task:
            raise UnfitError(problem)
        raise UnfitError(f"The reward function {function} cannot be loaded: {problem}.")
    return str(function)


def check_sampler(run: Run) -> str:
    """`reflect.sampler=edge` can choose rows."""
    sampler, data = run.settings.sampler, run.config.data
    if sampler == "uniform":
        return "rows as verl draws them"
    if data.custom_cls.path != SAMPLERS[sampler]:
        raise UnfitError(
            f"reflect.sampler={sampler} needs the recipe's data.custom_cls and it is {data.custom_cls.path}; remove "
            "the override, or set reflect.sampler=uniform."
        )
    if data.dataloader_num_workers:
        raise UnfitError(
            f"reflect.sampler={sampler} chooses rows in the trainer's own process and data.dataloader_num_workers is "
            f"{data.dataloader_num_workers}; set it to 0."
        )
    return "rows at the edge of what the model can do"
