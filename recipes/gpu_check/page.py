"""What a check leaves: one page of Markdown and the same in JSON, to be sent to us or entered into the docs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from recipes.gpu_check.answers import Answer
from verl_reflect.records.markdown import markdown_table
from verl_reflect.records.metrics_log import StepMetrics

PAGE, NUMBERS = "gpu_check.md", "gpu_check.json"
MARKS = {True: "yes", False: "**no**", None: ""}


def write(
    folder: Path, facts: Mapping[str, str], answers: Sequence[Answer], steps: Mapping[str, Sequence[StepMetrics]]
) -> Path:
    """Write both files and return the page's path.

    Args:
        facts: Of the machine and the run.
        steps: What verl logged, by the name of the training. Only the JSON has it.
    """
    logged = {name: [asdict(step) for step in of_training] for name, of_training in steps.items()}
    numbers = {"facts": dict(facts), "answers": [asdict(answer) for answer in answers], "steps": logged}
    (folder / NUMBERS).write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    about = markdown_table(("", ""), [(_cell(name), _cell(value)) for name, value in facts.items()])
    rows = [(_cell(each.question), _cell(each.figure), MARKS[each.holds]) for each in answers]
    asked = markdown_table(("asked", "found", "as it should be"), rows)
    (folder / PAGE).write_text(f"# {verdict(answers)}\n\n{about}\n\n{asked}\n", encoding="utf-8")
    return folder / PAGE


def verdict(answers: Sequence[Answer]) -> str:
    """One sentence."""
    wrong = sum(answer.holds is False for answer in answers)
    return f"{wrong} of {len(answers)} answers are not as they should be" if wrong else "It works on this machine"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")
