"""What the checks read of a configuration: each key once, with what its value must be.

A check asks `Run.get` for a key, and `Run.get` knows only the keys of this table. So a value that is missing, mistyped
or cannot be resolved ends in a sentence that names its key, whichever check comes upon it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

ABSENT = object()
"""Stands for a key that the configuration does not have."""


@dataclass(frozen=True)
class Kind:
    """What the value of a key must be."""

    wanted: str
    """In words, after "it must be"."""
    fits: Callable[[Any], bool]
    optional: bool = False
    """null and a key that is not there will do."""
    may_be_absent: bool = False
    """A key that is not there will do: it is of another engine, or verl's code has a default for it."""

    def read(self, config: DictConfig, key: str) -> Any:
        """The value as plain Python; None for an optional one that is not there.

        Raises:
            ValueError: in one sentence that names the key.
        """
        value = self._resolved(config, key)
        if (self.optional and value is None) or ((self.optional or self.may_be_absent) and value is ABSENT):
            return None
        if not self.fits(value):
            raise ValueError(f"{key} {_as_found(value)}; it must be {self.wanted}.")
        return value

    def _resolved(self, config: DictConfig, key: str) -> Any:
        try:
            node = OmegaConf.select(config, key, default=ABSENT, throw_on_missing=True)
            if OmegaConf.is_config(node):
                return OmegaConf.to_container(node, resolve=True, throw_on_missing=True)
        except MissingMandatoryValue as error:
            raise ValueError(f"{key} is ???, which nobody has set; it must be {self.wanted}.") from error
        except OmegaConfBaseException as error:
            reason = str(error).splitlines()[0].rstrip(".")
            raise ValueError(f"{key} cannot be read ({reason}); it must be {self.wanted}.") from error
        return node


def _as_found(value: Any) -> str:
    if value is ABSENT:
        return "is missing"
    if isinstance(value, str):
        return f"is the text {value!r}" if value else "is empty"
    return "is null" if value is None else f"is {value}"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) and each for each in value)


def whole(least: int | None = None, *, optional: bool = False) -> Kind:
    """A whole number, of at least so much."""
    limit = "" if least is None else f" of at least {least}"
    null = " or null" if optional else ""
    return Kind(
        f"a whole number{limit}{null}",
        lambda value: _is_whole(value) and (least is None or value >= least),
        optional,
    )


def one_of(*choices: str) -> Kind:
    """One of some texts."""
    return Kind(f"one of {', '.join(choices)}", lambda value: value in choices)


NUMBER = Kind("a number", lambda value: _is_whole(value) or isinstance(value, float))
POSITIVE = Kind("a number of more than 0", lambda value: NUMBER.fits(value) and value > 0)
AMOUNT = Kind("a number of at least 0", lambda value: NUMBER.fits(value) and value >= 0)
SHARE = Kind("a number of more than 0 and at most 1", lambda value: NUMBER.fits(value) and 0 < value <= 1)
FLAG = Kind("true or false", lambda value: value in (True, False) and not isinstance(value, float), optional=True)
"""Also 1, 0 and null, which verl takes for true, false and false."""
TEXT = Kind("a text", lambda value: isinstance(value, str) and bool(value))
MAYBE_TEXT = Kind("a text or null", lambda value: isinstance(value, str), optional=True)
SECTION = Kind("a section of keys", lambda value: isinstance(value, dict), optional=True)
MODEL = Kind("a folder or a hub id, such as Qwen/Qwen2.5-1.5B-Instruct", TEXT.fits)
FILES = Kind(
    "a file or a list of at least one (`verl-reflect data` makes some)",
    lambda value: (isinstance(value, str) or _are_texts(value)) and bool(value),
)
VALIDATION_FILES = Kind(
    f"{FILES.wanted}: verl wants one even with trainer.val_before_train=false and trainer.test_freq=-1, and the "
    "training file will do then",
    FILES.fits,
)
TEXTS = Kind("a list of texts", _are_texts, optional=True)
TARGETS = Kind("a text or a list of texts", lambda value: isinstance(value, str) or _are_texts(value), optional=True)
LOGGERS = Kind("a name or a list of names", lambda value: isinstance(value, str) or _are_texts(value))
SIZE = replace(whole(1), may_be_absent=True)
"""GPUs along one side of an engine's mesh."""
RANK = replace(whole(0), may_be_absent=True)
"""Of LoRA; 0 is without."""
ENGINES = one_of("fsdp", "fsdp2", "fsdp_turbo", "megatron", "veomni", "torchtitan", "automodel")
"""That train: those which verl registers."""
TRUNCATIONS = one_of("error", "left", "right", "middle")
DTYPES = one_of("auto", "half", "float16", "bfloat16", "float", "float32")
"""Of the weights that a server has."""
MODES = one_of("sync", "colocate_async", "separate_async")
"""Of verl's V1 trainer."""
LOSSES = one_of("token-mean", "token-sum", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm")

_ROLLOUT = "actor_rollout_ref.rollout"
_ACTOR = "actor_rollout_ref.actor"
_MODEL = "actor_rollout_ref.model"


def _of(section: str, kinds: Mapping[str, Kind]) -> dict[str, Kind]:
    return {f"{section}.{name}": kind for name, kind in kinds.items()}


def _meshes(sections: Iterable[str]) -> dict[str, Kind]:
    """How an engine divides its GPUs (mesh.py)."""
    sizes = (
        "ulysses_sequence_parallel_size",
        "fsdp_config.ulysses_sequence_parallel_size",
        "fsdp.ulysses_sequence_parallel_size",
        "veomni.ulysses_parallel_size",
        "megatron.tensor_model_parallel_size",
        "megatron.pipeline_model_parallel_size",
        "megatron.context_parallel_size",
    )
    kinds = {**dict.fromkeys(sizes, SIZE), "megatron.dynamic_context_parallel": FLAG}
    return {f"{section}.{name}": kind for section in sections for name, kind in kinds.items()}


KEYS: dict[str, Kind] = {
    **_of(
        "data",
        {
            "train_files": FILES,
            "val_files": VALIDATION_FILES,
            "cache_dir": MAYBE_TEXT,
            "prompt_key": TEXT,
            "train_batch_size": whole(1),
            "train_max_samples": whole(optional=True),
            "max_prompt_length": whole(1),
            "max_response_length": whole(1),
            "filter_overlong_prompts": FLAG,
            "dataloader_num_workers": whole(0),
            "use_shm": FLAG,
            "truncation": TRUNCATIONS,
            "apply_chat_template_kwargs": SECTION,
            "custom_cls.path": MAYBE_TEXT,
        },
    ),
    **_of(
        "trainer",
        {
            "device": TEXT,
            "nnodes": whole(1),
            "n_gpus_per_node": whole(1),
            "use_v1": FLAG,
            "v1.trainer_mode": MODES,
            "v1.colocate_async.num_warmup_batches": AMOUNT,
            "v1.separate_async.num_warmup_batches": AMOUNT,
            "v1.separate_async.parameter_sync_step": whole(1),
            "v1.separate_async.hybrid_rollout.enable_switch": FLAG,
            "v1.sampler.max_off_policy_threshold": whole(1, optional=True),
            "v1.sampler.max_off_policy_strategy": one_of("drop", "wait"),
            "v1.sampler.custom_sampler.name": MAYBE_TEXT,
            "total_epochs": whole(),
            "total_training_steps": whole(optional=True),
            "save_freq": whole(),
            "test_freq": whole(),
            "val_only": FLAG,
            "val_before_train": FLAG,
            "resume_mode": TEXT,
            "resume_from_path": MAYBE_TEXT,
            "logger": LOGGERS,
            "project_name": TEXT,
            "experiment_name": TEXT,
            "default_local_dir": TEXT,
            "rollout_data_dir": MAYBE_TEXT,
            "validation_data_dir": MAYBE_TEXT,
        },
    ),
    **_of(
        _MODEL,
        {
            "path": MODEL,
            "tokenizer_path": MAYBE_TEXT,
            "hf_config_path": MAYBE_TEXT,
            "custom_chat_template": MAYBE_TEXT,
            "trust_remote_code": FLAG,
            "use_shm": FLAG,
            "use_remove_padding": FLAG,
            "override_config.attn_implementation": MAYBE_TEXT,
            "lora_rank": RANK,
            "lora_adapter_path": MAYBE_TEXT,
            "target_modules": TARGETS,
            "lora.rank": RANK,
            "lora.merge": FLAG,
        },
    ),
    **_of(
        _ACTOR,
        {
            "strategy": ENGINES,
            "ppo_mini_batch_size": whole(1),
            "ppo_micro_batch_size_per_gpu": whole(1, optional=True),
            "ppo_max_token_len_per_gpu": whole(1),
            "ppo_epochs": whole(1),
            "use_dynamic_bsz": FLAG,
            "use_kl_loss": FLAG,
            "entropy_coeff": NUMBER,
            "loss_agg_mode": LOSSES,
            "policy_loss.loss_mode": TEXT,
            "kl_loss_type": TEXT,
            "kl_loss_coef": AMOUNT,
            "grad_clip": replace(POSITIVE, may_be_absent=True),
            "optim.lr": AMOUNT,
            "optim.weight_decay": AMOUNT,
            "optim.optimizer": replace(TEXT, optional=True),
            "optim.optimizer_impl": replace(TEXT, optional=True),
            "checkpoint.save_contents": TEXTS,
            "checkpoint.load_contents": TEXTS,
        },
    ),
    **_of(
        "actor_rollout_ref.ref",
        {
            "log_prob_use_dynamic_bsz": FLAG,
            "log_prob_max_token_len_per_gpu": whole(1, optional=True),
            "log_prob_micro_batch_size_per_gpu": whole(1, optional=True),
        },
    ),
    **_of(
        _ROLLOUT,
        {
            "name": TEXT,
            "n": whole(1),
            "val_kwargs.n": whole(1),
            "temperature": POSITIVE,
            "top_p": SHARE,
            "top_k": whole(-1),
            "val_kwargs.temperature": AMOUNT,
            "val_kwargs.top_p": SHARE,
            "val_kwargs.top_k": whole(-1),
            "calculate_log_probs": FLAG,
            "gpu_memory_utilization": SHARE,
            "dtype": DTYPES,
            "max_num_seqs": whole(1),
            "max_num_batched_tokens": whole(1),
            "checkpoint_engine.update_weights_bucket_megabytes": whole(1),
            "max_model_len": whole(1, optional=True),
            "full_determinism": FLAG,
            "nnodes": whole(0),
            "n_gpus_per_node": whole(0),
            "checkpoint_engine.backend": TEXT,
            "tensor_model_parallel_size": whole(1),
            "data_parallel_size": SIZE,
            "pipeline_model_parallel_size": SIZE,
            "log_prob_use_dynamic_bsz": FLAG,
            "log_prob_max_token_len_per_gpu": whole(1, optional=True),
            "log_prob_micro_batch_size_per_gpu": whole(1, optional=True),
            "agent.num_workers": whole(1),
            "trace.backend": replace(TEXT, optional=True, may_be_absent=True),
            "agent.default_agent_loop": TEXT,
            "agent.agent_loop_config_path": MAYBE_TEXT,
            "agent.agent_loop_manager_class": MAYBE_TEXT,
            "multi_turn.format": TEXT,
            "multi_turn.tool_config_path": MAYBE_TEXT,
            "multi_turn.function_tool_path": MAYBE_TEXT,
        },
    ),
    **_of(
        "critic",
        {
            "enable": FLAG,
            "model.path": MAYBE_TEXT,
            "ppo_mini_batch_size": whole(1, optional=True),
            "use_dynamic_bsz": FLAG,
            "ppo_infer_max_token_len_per_gpu": whole(1, optional=True),
        },
    ),
    **_meshes((_ACTOR, "actor_rollout_ref.ref", "critic")),
    **_of(
        "algorithm",
        {
            "adv_estimator": TEXT,
            "use_kl_in_reward": FLAG,
            "rollout_correction.rollout_is": MAYBE_TEXT,
            "rollout_correction.rollout_rs": MAYBE_TEXT,
            "rollout_correction.bypass_mode": FLAG,
        },
    ),
    **_of(
        "reward",
        {
            "num_workers": whole(1),
            "reward_manager.name": TEXT,
            "reward_model.enable": FLAG,
            "custom_reward_function.path": MAYBE_TEXT,
            "custom_reward_function.name": MAYBE_TEXT,
            "custom_reward_function.reward_kwargs": SECTION,
        },
    ),
    "ray_kwargs.ray_init.address": MAYBE_TEXT,
    "ray_kwargs.ray_init.num_cpus": whole(1, optional=True),
    "transfer_queue.backend.SimpleStorage.num_data_storage_units": SIZE,
    "ray_kwargs.ray_init.runtime_env.env_vars": SECTION,
}
"""Every key that a check reads, outside the section `reflect`, which is read by verl_reflect/config.py."""
