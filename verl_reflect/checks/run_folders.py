"""Checks where a run writes: no results of another run are there."""

from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.finding import Doubt
from verl_reflect.training.run_folders import RunFolderError, next_start, places


def check_run_folders(run: Run) -> str:
    """The folders are empty, or hold an earlier start of this very run, which goes on."""
    try:
        start = next_start(run.config)
        found = [place for place in places(run.config) if place.has_results]
    except RunFolderError as error:
        raise UnfitError(str(error)) from error
    if found and start.after_step == -1:
        return Doubt(
            f"{found[0].path} has an earlier start of this run and there is no checkpoint to go on from, so it begins "
            "again and takes that start's place."
        )
    if unnamed := [place for place in found if place.last is None]:
        return Doubt(
            f"{unnamed[0].path} has results that do not say of which run they are; this one goes on from step "
            f"{start.after_step} and takes them for its own."
        )
    return f"goes on from step {start.after_step}" if found else "nothing of another run is there"
