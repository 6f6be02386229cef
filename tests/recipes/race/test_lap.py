"""What a run took, read off a process that writes as a trainer does."""

import json
import sys
from pathlib import Path

import pytest

from recipes.race.lap import figures, generated_tokens, run
from verl_reflect.demo.training import TrainingError

TRAINER = """
import json, os, time
for step, tokens in enumerate((100, 20, 20, 20), start=1):
    time.sleep(0.3)
    with open(os.environ["VERL_FILE_LOGGER_PATH"], "a") as file:
        file.write(json.dumps({"step": step, "data": {"generated_tokens": tokens}}) + "\\n")
"""


def test_a_run_is_timed_from_outside(tmp_path: Path) -> None:
    lap = run([sys.executable, "-c", TRAINER], tmp_path, sessions=4)
    assert lap.launch > 0.3 and 0.2 < lap.step < lap.launch + 1
    assert 0 < lap.tokens_a_second < 20 / 0.25 and lap.parts == {}
    assert len(lap.launch_seconds) == 1 and lap.session_milliseconds.keys() == lap.launch_seconds.keys()


def test_one_that_fails_is_said_with_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no such model"):
        run([sys.executable, "-c", "raise SystemExit('no such model')"], tmp_path, sessions=4)


def test_the_first_step_counts_as_launch_alone() -> None:
    ends = [(100.0, {"timing_s/gen": 90.0, "response_length/mean": 10.0})]
    ends += [(100 + 2.0 * step, {"timing_s/gen": 1.5, "response_length/mean": 10.0}) for step in (1, 2, 3)]
    found = figures(ends, sessions=8)
    assert found == {"step": 2.0, "tokens_a_second": 3 * 80 / 6, "parts": {"gen": 1.5}}


@pytest.mark.parametrize(
    ("data", "tokens"),
    [
        ({"generated_tokens": 7}, 7),
        ({"response_length/mean": 5.0}, 40),
        ({"response_length/mean": 5.0, "reflect/generated_tokens_per_trained_token": 2.5}, 100),
    ],
    ids=json.dumps,
)
def test_tokens_that_are_not_trained_count_too(data: dict[str, float], tokens: float) -> None:
    assert generated_tokens(data, sessions=8) == tokens
