"""docs/metrics.md has every metric that is logged, and no other."""

import re

from builders import ROOT

from verl_reflect.training import metrics as metric_names

DOCUMENTED = re.findall(r"^\| `(\w+)` \| (✓?) \| (✓?) ?\|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE)


def test_every_metric_of_training_is_documented() -> None:
    documented = {name for name, training, _ in DOCUMENTED if training}
    assert documented == {name.removeprefix("reflect/") for name in metric_names.ALL}


def test_every_metric_of_validation_is_documented() -> None:
    assert {name for name, _, validation in DOCUMENTED if validation} == set(metric_names.SESSION_METRICS)


def test_none_is_documented_twice() -> None:
    assert len(DOCUMENTED) == len({name for name, *_ in DOCUMENTED}) == len(metric_names.ALL)
