"""Names of the metrics that every training step logs as `reflect/…`, for those who must know them before it does."""

from verl_reflect.episode import Episode, Outcome, Utterance
from verl_reflect.judge import Judgement
from verl_reflect.reflection_metrics import STEP_METRICS

SESSION_METRICS = tuple(Outcome(Episode(0, "", "", Utterance("", 0), Judgement(0.0, False))).metrics())
"""Means over the sessions of a step."""

GROUP_METRICS = ("groups_flat", "groups_solved_at_first_try", "replaced_solved", "replaced_failed", "replaced_flat")

WITHOUT_REFLECTIONS = tuple(f"reflect/{name}" for name in (*SESSION_METRICS, *GROUP_METRICS))
"""What a step without reflections has, such as one of blind retries."""

OF_REFLECTIONS = tuple(f"reflect/{name}" for name in STEP_METRICS)
"""What a step with reflections has besides."""
