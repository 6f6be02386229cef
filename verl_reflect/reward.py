"""The reward function that verl calls: it picks the task by `data_source` and lets the task judge the response.

Named by `reward.custom_reward_function.path`. Every reward worker imports it, so it imports neither verl nor torch.
"""

from collections.abc import Sequence

from verl_reflect.tasks.registry import task_for


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: object,
    extra_info: object = None,
    *,
    tasks: Sequence[str] = (),
    **kwargs: object,
) -> dict[str, float | str]:
    """Score one response: `{"score": 1.0 or 0.0, "category": the task's error category or "none", "detail": text}`.

    `detail` says more of the error, such as which parameter was wrong, or is `""`; all three keys are always there.
    The signature is verl's; `extra_info` and `kwargs` are not used. `tasks` names the user's own as `module:Class`.
    Raises ValueError for a data source without a task and for a malformed ground truth, never for a response.
    """
    verdict = task_for(data_source, tasks).judge(solution_str, ground_truth)
    return {"score": verdict.score, "category": verdict.category, "detail": verdict.detail}


def gives_away(
    data_source: str,
    solution_str: str,
    ground_truth: object,
    extra_info: object = None,
    *,
    question: str,
    tasks: Sequence[str] = (),
) -> float:
    """1.0 if a reflection states the answer itself, 0.0 if not, as `Task.gives_away` of the row's task has it.

    Arguments and errors as of `compute_score`. `solution_str` is the reflection, `question` the task's last user
    message.
    """
    return float(task_for(data_source, tasks).gives_away(solution_str, ground_truth, question))
