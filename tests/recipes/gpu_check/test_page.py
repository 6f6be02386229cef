"""One page and one JSON of the same."""

import json
from pathlib import Path

from recipes.gpu_check import page
from recipes.gpu_check.answers import Answer
from verl_reflect.records.metrics_log import StepMetrics

ANSWERS = [Answer("is a|b", "yes\nno", True), Answer("memory", "3 GB", None)]


def test_both_files_have_every_answer(tmp_path: Path) -> None:
    written = page.write(tmp_path, {"cards": "2 x H"}, ANSWERS, {"live": [StepMetrics(1, {"loss": 0.5})]})
    text, numbers = written.read_text(), json.loads((tmp_path / page.NUMBERS).read_text())
    assert text.startswith("# It works on this machine\n") and "| cards | 2 x H |" in text
    assert r"| is a\|b | yes no | yes |" in text and "| memory | 3 GB |  |" in text
    assert numbers["facts"] == {"cards": "2 x H"} and numbers["answers"][1]["holds"] is None
    assert numbers["steps"] == {"live": [{"step": 1, "values": {"loss": 0.5}}]}


def test_the_verdict_counts_what_is_not_as_it_should_be() -> None:
    assert page.verdict([*ANSWERS, Answer("is it", "no", False)]) == "1 of 3 answers are not as they should be"
