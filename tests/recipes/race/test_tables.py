"""The tables, of figures made up here."""

import json
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT

from recipes.race.tables import PAGE, publish, times

SECTIONS = ("times", "parts", "launch", "sessions")


def lap(step: float, **parts: float) -> dict[str, Any]:
    return {
        "launch": 111.4,
        "step": step,
        "tokens_a_second": 1234.5,
        "peak_bytes": 2_500_000_000,
        "load": 0.4,
        "parts": parts,
        "launch_seconds": {"driver": 40.2, "idle": 0.1},
        "session_milliseconds": {"driver": 3.0},
    }


RESULTS = {"trl": lap(1.3), "reflect": lap(2.6, gen=1.0, old_log_prob=0.5), "reflect_one_forward": lap(2.0, gen=1.0)}


def test_steps_are_compared_within_the_race() -> None:
    trl, ours, _ = times(RESULTS).splitlines()[2:]
    assert trl == "| TRL, the retry in its reward function | 1.30 | 0.50 | 1,234 | 111 | 2.5 | 0.4 |"
    assert "| 2.60 | 1.00 |" in ours
    assert "| 1.30 |  | 1,234 |" in times({"trl": RESULTS["trl"]})


def test_the_page_and_the_numbers_are_written(tmp_path: Path) -> None:
    page = tmp_path / PAGE
    page.write_text("".join(f"<!-- tiny {name} -->old<!-- /tiny {name} -->\n" for name in SECTIONS))
    (tmp_path / "performance.json").write_text('{"model": {}}')
    publish(RESULTS, "tiny", tmp_path)
    text = page.read_text()
    assert "old<" not in text and "| old log-probabilities | 0.50 |  |" in text
    assert "| driver | 40 | 40 | 40 |" in text and "idle" not in text
    assert json.loads((tmp_path / "performance.json").read_text()) == {"model": {}, "tiny": RESULTS}


@pytest.mark.parametrize("race", ["tiny", "model"])
def test_the_page_has_a_place_for_each(race: str) -> None:
    text = (ROOT / "docs" / PAGE).read_text()
    for name in SECTIONS:
        assert text.count(f"<!-- {race} {name} -->") == text.count(f"<!-- /{race} {name} -->") == 1
