"""Names of the metrics that every training step logs as `reflect/…`, for those who must know them before it does."""

from verl_reflect.episode import Episode, Outcome, Utterance
from verl_reflect.judge import Judgement
from verl_reflect.reflection_metrics import STEP_METRICS
from verl_reflect.step_account import REPLACED

SESSION_METRICS = tuple(Outcome(Episode(0, "", "", Utterance("", 0), Judgement(0.0, False))).metrics())
"""Means over the sessions of a step."""

GROUP_METRICS = (
    *("groups_all_pass", "groups_all_fail", "groups_solved_at_first_try", "generated_tokens_per_trained_token"),
    *(f"replaced_{kind}" for kind in REPLACED),
)

WITHOUT_REFLECTIONS = tuple(f"reflect/{name}" for name in (*SESSION_METRICS, *GROUP_METRICS))
"""What a step without reflections has, such as one of blind retries."""

OF_REFLECTIONS = tuple(f"reflect/{name}" for name in STEP_METRICS)
"""What a step with reflections has besides."""

OF_LIVE_ATTEMPTS = ("reflect/first_try_pass_rate", "reflect/attempts_per_failure")
"""What a step with live first attempts has besides."""

ALL = (*WITHOUT_REFLECTIONS, *OF_REFLECTIONS, *OF_LIVE_ATTEMPTS)
