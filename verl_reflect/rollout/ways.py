"""The ways to a second try: the method, and its controls with one thing taken away. One table for everybody.

A way is chosen for a row by its column `agent_name`, for a run by `reflect.control` or the recipe, and for an
evaluation by `--conditions`. verl's workers have them under these names too (worker.py).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Way:
    """One of them."""

    loop: str
    """The name of its agent loop, as in a row's `agent_name`."""
    target: str
    """Where that class is. Named and not imported: a report needs the table, but not verl."""
    reflects: bool = True
    """A reflection stands between attempt and retry."""
    given: bool = False
    """Its one reflection comes from elsewhere. There is none on a failed retry, so it has one round."""


WAYS: dict[str, Way] = {
    "reflect": Way("reflect_retry", "verl_reflect.rollout.loop.ReflectRetryAgentLoop"),
    "blind": Way("blind_retry", "verl_reflect.rollout.controls.BlindRetryAgentLoop", reflects=False),
    "fixed": Way("fixed_reflection", "verl_reflect.rollout.controls.FixedReflectionAgentLoop"),
    "swapped": Way("swapped_reflection", "verl_reflect.rollout.controls.SwappedReflectionAgentLoop", given=True),
    "stored": Way("stored_reflection", "verl_reflect.rollout.controls.StoredReflectionAgentLoop", given=True),
    "first_try": Way("first_try", "verl_reflect.rollout.controls.FirstTryAgentLoop", reflects=False),
}
"""By the name that conditions and data sources have, in the order of tables."""

REFLECTING = frozenset(way.loop for way in WAYS.values() if way.reflects)
"""Agent loops whose sessions have a reflection."""
