"""Everything that can be known to be wrong before a model is loaded. Used by the preflight and by `verl-reflect
doctor`.

A check returns one line on what it found in order, or a `Doubt` if a person should read it although the run can start,
or raises `UnfitError` with one sentence that says what to do.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
from omegaconf import DictConfig, ListConfig
from packaging.specifiers import SpecifierSet
from transformers import AutoConfig, AutoTokenizer

from verl_reflect.chat_template import end_of_turn_id, offer_tools
from verl_reflect.config import CONTROLS, SAMPLERS, FirstAttempt, ReflectConfig
from verl_reflect.dataset_files import card_path
from verl_reflect.finding import Doubt
from verl_reflect.judge import RewardFunction
from verl_reflect.metric_names import ALL, OF_LIVE_ATTEMPTS, OF_REFLECTIONS
from verl_reflect.plugin import longest_trained_turn
from verl_reflect.provenance import ModelIdentity, template_hash
from verl_reflect.tasks.registry import task_for, wordings

TESTED_VERL = SpecifierSet("==0.9.1")
GROUP_RELATIVE = ("grpo", "grpo_keeping", "grpo_shuffled", "grpo_passk", "rloo", "opo", "gpg")
REFLECTING = {control.agent_loop for control in CONTROLS.values()}
ROWS_LOOKED_AT = 256


class UnfitError(Exception):
    """Something in the configuration or its surroundings cannot work. The message says what to do."""


class Run:
    """A composed configuration and what has to be read to check it, each read once."""

    def __init__(self, config: DictConfig):
        self.config = config
        self.rollout = config.actor_rollout_ref.rollout
        self.model = config.actor_rollout_ref.model

    @cached_property
    def settings(self) -> ReflectConfig:
        """The `reflect` section."""
        if "reflect" not in self.config:
            raise UnfitError("The configuration has no reflect section; add +recipe=reflect_grpo.")
        try:
            return ReflectConfig.from_config(self.config)
        except ValueError as error:
            raise UnfitError(str(error)) from error

    @cached_property
    def reflection_prompts(self) -> list[str]:
        """Every request for a reflection that a row can meet."""
        if self.settings.reflection_prompt is not None:
            return [self.settings.reflection_prompt]
        try:
            return wordings(self.settings.tasks)
        except ValueError as error:
            raise UnfitError(str(error)) from error

    @cached_property
    def tokenizer(self) -> Any:
        """The model's tokenizer, with the template verl would use."""
        tokenizer = self._pretrained(AutoTokenizer, self.model.get("tokenizer_path") or self.model.path)
        if self.model.get("custom_chat_template"):
            tokenizer.chat_template = self.model.custom_chat_template
        return tokenizer

    @cached_property
    def model_config(self) -> Any:
        """The model's `config.json`."""
        return self._pretrained(AutoConfig, self.model.get("hf_config_path") or self.model.path)

    def _pretrained(self, kind: Any, path: str) -> Any:
        path = os.path.expanduser(path)
        if os.path.isabs(path) and not os.path.isdir(path):
            raise UnfitError(f"There is no model folder {path}; set actor_rollout_ref.model.path.")
        try:
            return kind.from_pretrained(path, trust_remote_code=self.model.get("trust_remote_code", False))
        except (OSError, ValueError) as error:
            first_line = str(error).strip().splitlines()[0]
            raise UnfitError(
                f"{path} cannot be read as a model: {first_line} Set actor_rollout_ref.model.path."
            ) from error

    def files(self) -> Iterator[tuple[str, str]]:
        """(`data.train_files` or `data.val_files`, path) of every data file."""
        for key in ("train_files", "val_files"):
            paths = self.config.data[key]
            for path in paths if isinstance(paths, ListConfig) else [paths]:
                yield f"data.{key}", os.path.expanduser(path)


def check_verl(run: Run) -> str:
    """The installed verl is one that this plugin was tested with."""
    installed = version("verl")
    if installed not in TESTED_VERL:
        raise UnfitError(
            f"verl {installed} is installed and this plugin is tested with verl{TESTED_VERL}; install that one."
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
            "verl_reflect.agent_loop_manager.ReflectAgentLoopManager",
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
    except Exception as error:  # templates raise errors of every kind
        raise UnfitError(f"The chat template cannot hold the conversation: {error}") from error
    return f"a turn ends with {tokenizer.convert_ids_to_tokens(end)}"


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
    """The reward function can be imported."""
    function = RewardFunction.from_config(run.config)
    try:
        function.load()
    except Exception as error:  # importing a user's module can raise anything
        raise UnfitError(f"The reward function {function.path}:{function.name} cannot be loaded: {error}") from error
    return f"{function.path}:{function.name}"


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


def check_data(run: Run) -> str:
    """Every data file is there, has the columns, and its first rows can be judged."""
    counts = []
    for key, path in run.files():
        if not os.path.isfile(path):
            raise UnfitError(f"{key}: there is no file {path}; make it (`verl-reflect data`) or set {key}.")
        if not path.endswith(".parquet"):
            counts.append(f"{os.path.basename(path)} (not looked into)")
            continue
        table = parquet.ParquetFile(path)
        _check_columns(run, key, path, set(table.schema_arrow.names))
        rows = next(table.iter_batches(batch_size=ROWS_LOOKED_AT), None)
        if rows is None or rows.num_rows == 0:
            raise UnfitError(f"{key}: {path} has no rows.")
        _check_rows(run, key, path, rows.to_pylist())
        counts.append(f"{os.path.basename(path)} ({table.metadata.num_rows} rows)")
    return ", ".join(counts)


def _check_columns(run: Run, key: str, path: str, columns: set[str]) -> None:
    needed = {run.config.data.prompt_key, "data_source", "reward_model"}
    if key == "data.train_files" and run.settings.first_attempt is FirstAttempt.dataset:
        needed.add("first_attempt")
    missing = ", ".join(sorted(needed - columns))
    if not missing:
        return
    advice = "set reflect.first_attempt=live or add the failed attempts" if missing == "first_attempt" else "add it"
    raise UnfitError(f"{key}: {path} has no column {missing}; {advice}.")


def _check_rows(run: Run, key: str, path: str, rows: list[dict[str, Any]]) -> None:
    function = RewardFunction.from_config(run.config)
    for number, row in enumerate(rows):
        place = f"{key}: row {number} of {path}"
        if "ground_truth" not in (row["reward_model"] or {}):
            raise UnfitError(f"{place} has no reward_model.ground_truth; add it.")
        if not function.judges_by_task:
            _check_wording(run, place, row["data_source"])
            continue  # a user's function is not run in the driver
        attempt = row.get("first_attempt")
        try:
            result = function.load()(
                row["data_source"], attempt or "", row["reward_model"]["ground_truth"], **function.kwargs
            )
        except ValueError as error:
            raise UnfitError(f"{place} cannot be judged: {error}") from error
        if attempt is not None and result["score"] >= run.settings.success_threshold:
            raise UnfitError(
                f"{place} has a first_attempt that passes, so there is nothing to reflect on; remove the row."
            )


def check_prompts(run: Run) -> str:
    """The first prompts of each data file are not too long."""
    for key, path in run.files():
        if path.endswith(".parquet") and os.path.isfile(path):
            rows = next(parquet.ParquetFile(path).iter_batches(batch_size=ROWS_LOOKED_AT))
            _check_prompt_lengths(run, key, path, rows.to_pylist())
    return f"data.max_prompt_length={run.config.data.max_prompt_length}"


def _check_prompt_lengths(run: Run, key: str, path: str, rows: list[dict[str, Any]]) -> None:
    """verl leaves out the rows whose messages are too long, and does not see their tools."""
    limit = run.config.data.max_prompt_length
    plain = [_prompt_tokens(run, {**row, "tools": None}) for row in rows]
    if min(plain) > limit:
        raise UnfitError(
            f"{key}: none of the first {len(rows)} prompts of {path} fits data.max_prompt_length={limit}; the shortest "
            f"takes {min(plain)} tokens."
        )
    with_tools = [_prompt_tokens(run, row) for row in rows if row.get("tools")]
    if with_tools and max(with_tools) > limit:
        raise UnfitError(
            f"{key}: a prompt of {path} takes {max(with_tools)} tokens with its functions, and "
            f"data.max_prompt_length is {limit}; raise it."
        )


def _prompt_tokens(run: Run, row: dict[str, Any]) -> int:
    tools = json.loads(row["tools"]) if row.get("tools") else None
    messages, tools = offer_tools(run.tokenizer, [dict(message) for message in row[run.config.data.prompt_key]], tools)
    kwargs = dict(run.config.data.get("apply_chat_template_kwargs") or {})
    rendered = run.tokenizer.apply_chat_template(
        messages, tools=tools, tokenize=False, add_generation_prompt=True, **kwargs
    )
    return len(run.tokenizer.encode(rendered, add_special_tokens=False))


def _check_wording(run: Run, place: str, data_source: str) -> None:
    if run.settings.reflection_prompt is not None:
        return
    try:
        task_for(data_source, run.settings.tasks)
    except ValueError:
        raise UnfitError(
            f"{place} is of {data_source}, for which there is no task to ask for a reflection; "
            "set reflect.reflection_prompt."
        ) from None


def check_failure_set(run: Run) -> str:
    """Stored first attempts are failures of the model that is trained, in the chat template that is used."""
    if run.settings.first_attempt is FirstAttempt.live:
        return "first attempts are made by the model that is trained"
    doubts, mined = [], 0
    for path in (Path(path) for key, path in run.files() if key == "data.train_files"):
        card = _card_of_mining(path)
        mined += bool(card)
        doubts += [f"{path.name} {doubt}" for doubt in _doubts(run, card)] if card else []
    if doubts:
        return Doubt("; ".join(doubts) + ". Mine anew with `verl-reflect mine`, or know what you do.")
    return "mined from this model" if mined else "no card says which model failed"


def _card_of_mining(path: Path) -> Mapping[str, Any] | None:
    """What `verl-reflect mine` wrote beside a file; None if it is not of its making."""
    try:
        card = json.loads(card_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return card.get("mined") if isinstance(card, dict) else None


def _doubts(run: Run, mined: Mapping[str, Any]) -> Iterator[str]:
    origin, trained = ModelIdentity(**mined["model"]), ModelIdentity.of(run.model.path)
    if origin.differs_from(trained):
        yield f"holds failures of another model ({origin.path}) than is trained ({trained.path})"
    template = template_hash(run.tokenizer.chat_template, run.config.data.get("apply_chat_template_kwargs") or {})
    if mined["chat_template"] != template:
        yield "was mined with another chat template"
    tokens, limit = mined["sampling"]["max_tokens"], run.settings.max_attempt_tokens
    if tokens > limit:
        yield f"has attempts of up to {tokens} tokens, which reflect.max_attempt_tokens={limit} cuts"


CHECKS: dict[str, Callable[[Run], str]] = {
    "verl": check_verl,
    "settings": check_settings,
    "trainer": check_trainer,
    "group": check_group,
    "guards": check_guards,
    "chat template": check_chat_template,
    "token budget": check_budget,
    "reward function": check_reward,
    "sampler": check_sampler,
    "data": check_data,
    "prompts": check_prompts,
    "failure set": check_failure_set,
}
