"""docs/metrics.md has every metric that is logged, and no other."""

import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from report_folders import line

from verl_reflect.replay_buffer import ReflectReplayBuffer

DOCUMENTED = re.findall(
    r"^\| `(\w+)` \| (✓?) \| (✓?) ?\|", (Path(__file__).parents[1] / "docs/metrics.md").read_text(), re.MULTILINE
)


def logged_in_training() -> set[str]:
    session: dict[str, Any] = {"reward_extra_info": line(True)["metrics"]}
    buffer: Any = SimpleNamespace(_replaced=Counter())
    metrics = ReflectReplayBuffer._metrics(buffer, {"uid_0": session}, 1)
    return {name.removeprefix("reflect/") for name in metrics}


def test_every_metric_of_training_is_documented() -> None:
    assert {name for name, training, _ in DOCUMENTED if training} == logged_in_training()


def test_every_metric_of_validation_is_documented() -> None:
    numeric = {name for name, value in line(True)["metrics"].items() if isinstance(value, float)}
    assert {name for name, _, validation in DOCUMENTED if validation} == numeric


def test_none_is_documented_twice() -> None:
    assert len(DOCUMENTED) == len({name for name, *_ in DOCUMENTED}) == 19
