"""The reward function that verl calls: it picks the task by `data_source` and lets the task judge the response.

Named by `reward.custom_reward_function.path`. Every reward worker imports it, so it imports neither verl nor torch.
"""

from verl_reflect.tasks.base import Task
from verl_reflect.tasks.countdown import Countdown

_TASKS: tuple[Task, ...] = (Countdown(),)
_BY_SOURCE = {source: task for task in _TASKS for source in task.data_sources}


def compute_score(
    data_source: str, solution_str: str, ground_truth: object, extra_info: object = None, **kwargs: object
) -> dict[str, float | str]:
    """Score one response: `{"score": 1.0 or 0.0, "category": the task's error category, "none" if it passes}`.

    The signature is verl's; `extra_info` and `kwargs` are not used. Raises ValueError for a data source without a task
    here and for a malformed ground truth, never for a response.
    """
    verdict = task_for(data_source).judge(solution_str, ground_truth)
    return {"score": verdict.score, "category": verdict.category}


def task_for(data_source: str) -> Task:
    """The task that judges the rows of this data source. Raises ValueError if there is none.

    What follows a slash only tells subsets apart, since verl reports validation by data source: the rows of
    `countdown/blind` are Countdown's.
    """
    try:
        return _BY_SOURCE[data_source.partition("/")[0]]
    except KeyError:
        raise ValueError(
            f"verl-reflect has no verifier for data_source {data_source!r}, only for {', '.join(_BY_SOURCE)}: "
            "set reward.custom_reward_function.path to the file of your own compute_score."
        ) from None
