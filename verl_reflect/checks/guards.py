"""Guards watch metrics that this run will have, and penalties fall on reflections that it will have."""

from difflib import get_close_matches

from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.config import FirstAttempt
from verl_reflect.rollout.ways import REFLECTING
from verl_reflect.training.metrics import ALL, OF_ASYNCHRONY, OF_LIVE_ATTEMPTS, OF_REFLECTIONS


def check_guards(run: Run) -> str:
    """Guards watch metrics that this run will have, and penalties fall on reflections that it will have."""
    guards, penalties = run.settings.guards, run.settings.penalties
    loop = run.get("actor_rollout_ref.rollout.agent.default_agent_loop")
    for guard in guards:
        if guard.metric not in ALL:
            close = get_close_matches(guard.metric, ALL, n=3, cutoff=0)
            raise UnfitError(f"reflect.guards names the metric {guard.metric}; did you mean {' or '.join(close)}?")
        if guard.metric in OF_REFLECTIONS and loop not in REFLECTING:
            raise UnfitError(f"reflect.guards watches {guard.metric}, and {loop} has no reflections; remove the guard.")
        if guard.metric in OF_LIVE_ATTEMPTS and run.settings.first_attempt is FirstAttempt.dataset:
            raise UnfitError(
                f"reflect.guards watches {guard.metric}, and first attempts are not live; remove the guard."
            )
        if guard.metric in OF_ASYNCHRONY and run.get("trainer.v1.trainer_mode") == "sync":
            raise UnfitError(
                f"reflect.guards watches {guard.metric}, which only verl's asynchronous trainers have; remove the "
                "guard."
            )
    if penalties.used and loop not in REFLECTING:
        raise UnfitError(f"reflect.penalties are for reflections, and {loop} has none; set them to 0.")
    rewards = "with penalties, unlike the paper" if penalties.used else "without penalties"
    return f"rewards {rewards}; {len(guards)} guards"
