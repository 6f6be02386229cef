"""There is something to do: steps to train, rows for a step, and a place to go on from."""

import os

from verl_reflect.checks.data import rows_of
from verl_reflect.checks.files import is_remote
from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.finding import Doubt

RESUME_MODES = ("auto", "disable", "resume_path")


def check_steps(run: Run) -> str:
    """verl has steps to train, and where it only validates it does that."""
    _check_resume(run)
    if run.get("trainer.val_only"):
        if not run.get("trainer.val_before_train"):
            raise UnfitError(
                "trainer.val_only is True and trainer.val_before_train is False: verl looks at the first only where "
                "the second is true, and would train; set trainer.val_before_train=True."
            )
        return "validates, and trains nothing"
    steps, epochs = run.get("trainer.total_training_steps"), run.get("trainer.total_epochs")
    for key, value in {"trainer.total_training_steps": steps, "trainer.total_epochs": epochs}.items():
        if value is not None and value < 1:
            raise UnfitError(f"{key} is {value}, so that nothing would be trained; set it to at least 1.")
    return f"{epochs} epochs" if steps is None else f"at most {steps} steps in {epochs} epochs"


def _check_resume(run: Run) -> None:
    mode, path = run.get("trainer.resume_mode"), run.get("trainer.resume_from_path")
    if mode not in RESUME_MODES:
        raise UnfitError(f"trainer.resume_mode is {mode}; choose one of {', '.join(RESUME_MODES)}.")
    if mode != "resume_path":
        if path is not None:
            raise UnfitError(
                f"trainer.resume_from_path is {path}, and counts only with trainer.resume_mode=resume_path, which is "
                f"{mode}; set that, or remove the path."
            )
        return
    if path is None or not path.rpartition("global_step_")[2].isdecimal():
        raise UnfitError(
            f"trainer.resume_from_path is {path}, and with trainer.resume_mode=resume_path it must be a checkpoint's "
            "folder, whose name is global_step_ and a number; set it."
        )
    if not os.path.isdir(path):
        raise UnfitError(f"trainer.resume_from_path: there is no folder {path}; set it.")


def check_rows(run: Run) -> str:
    """The training data fill a batch at least: verl divides by the batches that they fill."""
    if run.get("trainer.val_only"):
        return "nothing is trained"
    size, named = run.get("data.train_batch_size"), [each for each in run.files() if each[0] == "data.train_files"]
    rows = rows_of(named)
    if rows is None:
        remote = next(path for _, path in named if is_remote(path))
        return Doubt(f"data.train_files names {remote}, which is not looked into: its rows are not counted.")
    limit = run.get("data.train_max_samples") or 0
    used = f", of which data.train_max_samples={limit} are used" if 0 < limit < rows else ""
    left = limit if used else rows
    if left < size:
        raise UnfitError(
            f"data.train_files has {rows} rows{used}, and a training step takes data.train_batch_size={size}; set "
            f"data.train_batch_size to {left} or less, or make more rows."
        )
    return f"{left} rows, {left // size} steps an epoch"
