"""Checks of what is installed, of the section `reflect`."""

from importlib.metadata import version

from verl_reflect.checks.keys import KEYS
from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.checks.verl_names import NAMES, ON_CPU, TESTED, missing
from verl_reflect.finding import Doubt

SHOWN_NAMES = 3
"""Of those that verl lacks."""


def check_verl(run: Run) -> str:
    """The installed verl and TransferQueue have every name that this plugin uses."""
    installed = version("verl")
    used = {**NAMES, **(ON_CPU if run.on_cpu else {})}
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


def check_keys(run: Run) -> str:
    """Every key that a check reads is there, and what it must be."""
    for key in KEYS:
        run.get(key)
    return f"{len(KEYS)} keys that the checks read"


def check_settings(run: Run) -> str:
    """The `reflect` section is complete and in range."""
    settings = run.settings
    return f"first attempt: {settings.first_attempt.value}, {settings.retries_per_reflection} retry a reflection"
