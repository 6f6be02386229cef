"""The rounds: who runs when, and what is not run again."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from recipes.race import race
from recipes.race.course import tiny
from recipes.race.lap import Lap
from recipes.race.race import Race, medians

LAP = Lap(100.0, 2.0, 50.0, 10, 0.5, {"gen": 1.0}, {"driver": 9.0}, {"driver": 3.0})


def test_contestants_take_turns_and_what_is_finished_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran: list[str] = []
    monkeypatch.setattr(race, "make_failures", lambda course: None)
    monkeypatch.setattr(race, "run", lambda command, folder, sessions: ran.append(folder.name) or LAP)
    course = tiny(tmp_path / "data", steps=2)
    turns = Race(course, tmp_path, ("trl", "reflect"), 2, Path("python"))
    laps = turns.laps(Console(quiet=True))
    assert ran == ["trl-0", "reflect-0", "trl-1", "reflect-1"] and laps == {"trl": [LAP, LAP], "reflect": [LAP, LAP]}
    assert replace(turns, rounds=3).laps(Console(quiet=True))["trl"] == [LAP] * 3 and ran[4:] == ["trl-2", "reflect-2"]


def test_the_median_of_rounds_is_taken_figure_by_figure() -> None:
    slow = replace(LAP, step=4.0, parts={"gen": 3.0}, launch_seconds={"driver": 9.0, "raylet": 2.0})
    found = medians([LAP, slow, slow])
    assert (found["step"], found["parts"], found["launch"]) == (4.0, {"gen": 3.0}, 100.0)
    assert medians([LAP, slow])["launch_seconds"] == {"driver": 9.0, "raylet": 1.0}
