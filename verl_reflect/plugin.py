"""What verl loads at `import verl`, in every process: the driver, Ray workers, vLLM workers.

Kept to registrations that cost nothing, because every user of verl pays for it. The agent loop, the reward manager and
the replay buffer are not imported here: the recipe names them, and verl imports them where they are needed. verl hides
an entry point that raises (it logs at DEBUG), so `verl-reflect doctor` calls `register` itself and shows what it says.
"""

from collections.abc import Iterable, Sized

from omegaconf import DictConfig, OmegaConf


def total(*lengths: int) -> int:
    """The sum of some lengths, for a length in the configuration that follows from others."""
    return sum(lengths)


def longest_trained_turn(credit: str, attempt: int, reflection: int, retry: int, keep: Iterable[str] = ()) -> int:
    """Limit of the longest turn that `reflect.credit` trains or `reflect.keep` keeps, from those of the three turns."""
    from verl_reflect.config import CREDITS

    limits = {"attempt": attempt, "reflection": reflection, "retry": retry}
    return max(limits[turn] for turn in (*CREDITS.get(credit, limits), *keep) if turn in limits)


def estimator(control: str, keep: Sized) -> str:
    """The advantage estimator of `reflect.control` and `reflect.keep`."""
    from verl_reflect.config import CONTROLS

    if keep:
        return "grpo_keeping"
    return CONTROLS[control].estimator if control in CONTROLS else control


def mini_batch(train_batch_size: int, credit: str, keep: Sized, mode: str = "sync", updates: int = 1) -> int:
    """`ppo_mini_batch_size` for one update a step. verl counts in it rows and not sessions, `rollout.n` to a prompt.

    With separate_async verl makes so many updates of a step, and wants them to be of as many prompts.
    """
    from verl_reflect.config import CREDITS

    if mode == "separate_async":
        return train_batch_size // updates
    return train_batch_size * (len(CREDITS.get(credit, [credit])) + len(keep))


def asynchronous(mode: str) -> bool:
    """Whether `trainer.v1.trainer_mode` trains rows of older weights: their own log-probabilities are the old ones."""
    return mode != "sync"


def replay_buffer(mode: str) -> str:
    """The replay buffer for `trainer.v1.trainer_mode`."""
    return "ReflectReplayBuffer" if mode == "sync" else "ReflectReplayBufferAsync"


def agent_loop(control: str) -> str:
    """The default agent loop of `reflect.control`."""
    from verl_reflect.config import CONTROLS

    return CONTROLS[control].agent_loop if control in CONTROLS else control


def dataset(sampler: str) -> str | None:
    """The module of the data set of `reflect.sampler`; None for verl's own."""
    from verl_reflect.config import SAMPLERS

    return SAMPLERS.get(sampler)


def micro_batch_tokens(model_path: str, row_tokens: int) -> int:
    """`ppo_max_token_len_per_gpu` on a CPU."""
    from verl_reflect.cpu.micro_batches import resolve

    return resolve(model_path, row_tokens)


def longest_row(*, _root_: DictConfig) -> int:
    """Most tokens of a training row, by the limits of a whole configuration, of this plugin's method or not.

    With the method `max_model_len` has room for a whole conversation, of which a reflection's row ends before the task
    is asked again.
    """
    from verl_reflect.config import CREDITS

    rollout, data = _root_.actor_rollout_ref.rollout, _root_.data
    one_turn = int(data.max_prompt_length + data.max_response_length)
    longest, reflect = int(rollout.max_model_len or 0), _root_.get("reflect")
    reflects = reflect and rollout.agent.default_agent_loop == "reflect_retry"
    if reflects and "retry" not in (*CREDITS.get(reflect.credit, ["retry"]), *reflect.keep):
        longest -= data.max_prompt_length + reflect.max_retry_tokens
    return max(one_turn, longest)


def register() -> None:
    """Register our resolvers and the CPU platform in this process. Safe to call any number of times."""
    OmegaConf.register_new_resolver("verl_reflect.sum", total, replace=True)
    OmegaConf.register_new_resolver("verl_reflect.longest_trained_turn", longest_trained_turn, replace=True)
    OmegaConf.register_new_resolver("verl_reflect.estimator", estimator, replace=True)
    OmegaConf.register_new_resolver("verl_reflect.mini_batch", mini_batch, replace=True)
    OmegaConf.register_new_resolver("verl_reflect.asynchronous", asynchronous, replace=True)
    OmegaConf.register_new_resolver("verl_reflect.replay_buffer", replay_buffer, replace=True)
    OmegaConf.register_new_resolver("verl_reflect.agent_loop", agent_loop, replace=True)
    OmegaConf.register_new_resolver("verl_reflect.dataset", dataset, replace=True)
    OmegaConf.register_new_resolver("verl_reflect.longest_row", longest_row, replace=True)
    OmegaConf.register_new_resolver("verl_reflect.micro_batch_tokens", micro_batch_tokens, replace=True)
    from verl_reflect.cpu import platform  # noqa: F401  (registers itself by its decorator)


register()
