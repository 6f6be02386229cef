"""Stops a run that cannot work, in one sentence and before any GPU is touched.

A Hydra callback, chosen by the recipe: it runs in the driver between composing the configuration and verl's `main`.
"""

import sys
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from verl_reflect.plugin import register


class Preflight(Callback):
    """Runs every check of `every.py` on the composed configuration."""

    def on_job_start(self, config: DictConfig, **_: Any) -> None:
        """Exit with the first problem; say what is doubtful. Hydra makes a warning of any other exception."""
        register()
        from verl_reflect.checks.every import CHECKS
        from verl_reflect.checks.run import Run, UnfitError
        from verl_reflect.finding import Doubt

        run = Run(config)
        try:
            for check in CHECKS.values():
                if isinstance(remark := check(run), Doubt):
                    print(f"verl-reflect: warning: {remark}", file=sys.stderr)
        except UnfitError as problem:
            sys.exit(f"verl-reflect: {problem}")
        except Exception as error:  # a check that is itself wrong must not pass for a warning
            sys.exit(f"verl-reflect: the preflight failed with {type(error).__name__}: {error}")
