"""Names that verl looks up while a run is on its way: an estimator, a loss, an optimizer.

A misspelt one ends a run with a traceback, after its model was loaded or its first step was generated. What verl knows
is asked of verl, and copied only where it stands in the middle of a function.
"""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from importlib import import_module

from verl_reflect.checks.run import Run, UnfitError

ACTOR = "actor_rollout_ref.actor"
SAVED = ("model", "optimizer", "extra", "hf_model")
"""Parts of a checkpoint (`verl.utils.checkpoint.checkpoint_manager`)."""
DIVERGENCES = ("kl", "k1", "abs", "mse", "k2", "low_var_kl", "k3")
"""Estimates of the KL divergence (`verl.trainer.ppo.core_algos.kl_penalty_forward`)."""
WEIGHTS = ("token", "sequence")
"""Levels of importance weights (`verl.trainer.ppo.rollout_corr_helper`)."""


def check_names(run: Run) -> str:
    """verl knows the estimator, the losses and the optimizer."""
    for key, known in KNOWN.items():
        for name in _names(run.get(key)):
            _refuse_unknown(key, name, known())
    _check_optimizer(run)
    return f"{run.get('algorithm.adv_estimator')}, {run.get(f'{ACTOR}.policy_loss.loss_mode')}"


def _names(value: str | list[str] | None) -> Iterable[str]:
    """Some keys have a list, some a text with commas; a divergence may end with a plus; `owner/name` is on a hub."""
    names = value.split(",") if isinstance(value, str) else value or ()
    return (name.strip().removesuffix("+") for name in names if "/" not in name)


def _refuse_unknown(key: str, name: str, known: Iterable[str]) -> None:
    names = sorted(known)
    if name not in names:
        close = get_close_matches(name, names, n=1)
        meant = f"did you mean {close[0]}? It is" if close else "it is"
        raise UnfitError(f"{key} has {name}, which verl does not know; {meant} one of {', '.join(names)}.")


def _estimators() -> Iterable[str]:
    from verl.trainer.ppo.core_algos import ADV_ESTIMATOR_REGISTRY

    import verl_reflect.training.advantage  # noqa: F401  (ours are known once it is imported)

    return map(str, ADV_ESTIMATOR_REGISTRY)


def _losses() -> Iterable[str]:
    from verl.trainer.ppo.core_algos import POLICY_LOSS_REGISTRY

    return POLICY_LOSS_REGISTRY


def _rejections() -> Iterable[str]:
    from verl.trainer.ppo.rollout_corr_helper import SUPPORTED_ROLLOUT_RS_OPTIONS

    return SUPPORTED_ROLLOUT_RS_OPTIONS


def _attentions() -> Iterable[str]:
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    return ("eager", *(name for name in ALL_ATTENTION_FUNCTIONS.valid_keys() if "|" not in name))


KNOWN: dict[str, Callable[[], Iterable[str]]] = {
    "algorithm.adv_estimator": _estimators,
    "algorithm.rollout_correction.rollout_is": lambda: WEIGHTS,
    "algorithm.rollout_correction.rollout_rs": _rejections,
    f"{ACTOR}.policy_loss.loss_mode": _losses,
    f"{ACTOR}.kl_loss_type": lambda: DIVERGENCES,
    f"{ACTOR}.checkpoint.save_contents": lambda: SAVED,
    f"{ACTOR}.checkpoint.load_contents": lambda: SAVED,
    "actor_rollout_ref.model.override_config.attn_implementation": _attentions,
}
"""Of each key, what verl knows."""


def _check_optimizer(run: Run) -> None:
    """verl takes it from a module, by name, if the engine is FSDP."""
    if not run.get(f"{ACTOR}.strategy").startswith("fsdp"):
        return
    module, name = run.get(f"{ACTOR}.optim.optimizer_impl"), run.get(f"{ACTOR}.optim.optimizer")
    if module is None or name is None:
        return
    try:
        found = vars(import_module(module))
    except ImportError as error:
        raise UnfitError(
            f"{ACTOR}.optim.optimizer_impl is {module}, which cannot be imported ({error}); install it, or remove the "
            "override."
        ) from error
    if name not in found:
        _refuse_unknown(f"{ACTOR}.optim.optimizer", name, (each for each in found if each[0].isupper()))
