"""Everything that can be known to be wrong before a model is loaded. Used by the preflight and by `verl-reflect
doctor`.

A check returns one line on what it found in order, or a `Doubt` if a person should read it although the run can start,
or raises `UnfitError` with one sentence that says what to do.
"""

from collections.abc import Callable

from verl_reflect.checks.config import (
    check_budget,
    check_chat_template,
    check_group,
    check_guards,
    check_reward,
    check_sampler,
    check_settings,
    check_trainer,
    check_verl,
)
from verl_reflect.checks.data import check_data
from verl_reflect.checks.failures import check_failure_set
from verl_reflect.checks.prompts import check_prompts
from verl_reflect.checks.run import Run

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
