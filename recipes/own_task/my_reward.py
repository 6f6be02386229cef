"""The same verdicts as my_tasks.reverse, as a plain verl reward function (docs/tasks.md)."""

import re


def compute_score(
    data_source: str, solution_str: str, ground_truth: dict[str, list[str]], extra_info: object = None
) -> float:
    answers = re.findall(r"<answer>([^<]*)</answer>", solution_str[-2000:])
    return float(bool(answers) and answers[-1].split() == list(ground_truth["words"])[::-1])
