"""What LoRA trains is there, and reaches the rollout engine."""

import os
import re
from collections.abc import Sequence

from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.finding import Doubt

MODEL = "actor_rollout_ref.model"
ALL = "all-linear"
SHOWN = 8
"""Of the model's own modules."""


def check_adapter(run: Run) -> str:
    """What LoRA trains is in the model, and reaches the rollout engine."""
    if not run.with_lora:
        return "all weights are trained"
    _check_start(run)
    _check_targets(run)
    if run.get("actor_rollout_ref.rollout.name") == "sglang" and not run.get(f"{MODEL}.lora.merge"):
        return Doubt(
            "With LoRA, SGLang gets an adapter from verl's trainer, in a form that changed between its versions and "
            f"was never tried with this plugin; set {MODEL}.lora.merge=True, which sends whole weights."
        )
    return "an adapter is trained"


def _check_start(run: Run) -> None:
    """The adapter that training goes on from."""
    key = f"{MODEL}.lora_adapter_path"
    if not (named := run.get(key)):
        return
    path = os.path.expanduser(run.fetched(key, named))
    if not os.path.isfile(os.path.join(path, "adapter_config.json")):
        raise UnfitError(f"{key}: {path} has no adapter_config.json, so there is no adapter to start from; set it.")


def _check_targets(run: Run) -> None:
    """Each target is a module of the model: PEFT refuses only if none is, and leaves the others out in silence."""
    targets = run.get(f"{MODEL}.target_modules")
    if targets in (None, ALL) or run.get(f"{MODEL}.lora_adapter_path") or not (modules := _modules(run)):
        return
    for target in [targets] if isinstance(targets, str) else targets:
        if not any(_is_target(module, target, whole=isinstance(targets, str)) for module in modules):
            known = list(dict.fromkeys(module.rpartition(".")[2] for module in modules))
            raise UnfitError(
                f"{MODEL}.target_modules has {target}, and the model has no such module; choose among "
                f"{', '.join(known[:SHOWN])}, or set it to {ALL}."
            )


def _is_target(module: str, target: str, *, whole: bool) -> bool:
    """As PEFT takes it: a text is an expression for the whole name, an entry of a list is the name's end."""
    return bool(re.fullmatch(target, module)) if whole else module == target or module.endswith(f".{target}")


def _modules(run: Run) -> Sequence[str]:
    """Names of the model's linear modules; empty where a model cannot be made without its weights."""
    import torch
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
                run.model_config, trust_remote_code=bool(run.get(f"{MODEL}.trust_remote_code"))
            )
    except Exception:  # of a model's own code, or of a kind that is no language model
        return ()
    return [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
