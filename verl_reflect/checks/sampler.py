"""The class of the data set is there, and `reflect.sampler=edge` can choose rows."""

import os

from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.config import SAMPLERS


def check_sampler(run: Run) -> str:
    """The class of the data set is there, and `reflect.sampler=edge` can choose rows."""
    sampler, path = run.settings.sampler, run.get("data.custom_cls.path")
    if path and not path.startswith("pkg://") and not os.path.isfile(path.removeprefix("file://")):
        raise UnfitError(f"data.custom_cls.path: there is no file {path}; set it, or remove the override.")
    if sampler == "uniform":
        return "rows as verl draws them"
    if path != SAMPLERS[sampler]:
        raise UnfitError(
            f"reflect.sampler={sampler} needs the recipe's data.custom_cls.path and it is {path}; remove the "
            "override, or set reflect.sampler=uniform."
        )
    if workers := run.get("data.dataloader_num_workers"):
        raise UnfitError(
            f"reflect.sampler={sampler} chooses rows in the trainer's own process and data.dataloader_num_workers is "
            f"{workers}; set it to 0."
        )
    return "rows at the edge of what the model can do"
