"""Stops a run that cannot work, in one sentence and before any GPU is touched.

A Hydra callback, chosen by the recipe: it runs in the driver between composing the configuration and verl's `main`.
"""

import sys
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from verl_reflect.finding import Doubt
from verl_reflect.plugin import register


class Preflight(Callback):
    """Runs every check of `every.py` on the composed configuration, and looks for the GPUs last.

    Too few are a warning, none a refusal.
    """

    def on_job_start(self, config: DictConfig, **_: Any) -> None:
        """Exit with the first problem; say what is doubtful. Hydra makes a warning of any other exception."""
        register()
        from verl_reflect.checks.every import CHECKS
        from verl_reflect.checks.machine import NoGpuError, check_platform
        from verl_reflect.checks.run import Run, UnfitError

        run = Run(config)
        try:
            for check in CHECKS.values():
                _warn_of(check(run))
        except UnfitError as problem:
            sys.exit(f"verl-reflect: {problem}")
        except Exception as error:  # a check that is itself wrong must not pass for a warning
            sys.exit(f"verl-reflect: the preflight failed with {type(error).__name__}: {error}")
        try:
            check_platform(run)
        except NoGpuError as problem:
            sys.exit(f"verl-reflect: {problem}")
        except UnfitError as problem:  # verl counts what Ray has, and knows it better than this machine
            _warn_of(Doubt(problem))


def _warn_of(remark: str) -> None:
    if isinstance(remark, Doubt):
        print(f"verl-reflect: warning: {remark}", file=sys.stderr)
