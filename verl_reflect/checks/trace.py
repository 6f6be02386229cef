"""The tracker of `actor_rollout_ref.rollout.trace`: every agent-loop worker imports it, after the model is loaded."""

from importlib.util import find_spec

from verl_reflect.checks.run import Run, UnfitError

BACKENDS = ("weave", "mlflow", "trackio")
"""verl passes over any other without a word."""


def check_trace(run: Run) -> str:
    """verl knows the tracker, and it is installed."""
    backend = run.rollout.trace.backend
    if backend is None:
        return "no traces"
    if backend not in BACKENDS:
        raise UnfitError(
            f"actor_rollout_ref.rollout.trace.backend is {backend}, which verl does not know; choose one of "
            f"{', '.join(BACKENDS)}, or null."
        )
    if find_spec(backend) is None:
        raise UnfitError(
            f"actor_rollout_ref.rollout.trace.backend is {backend}, and {backend} is not installed; install it, on "
            "every node of a cluster."
        )
    return f"sessions as traces of {backend}"
