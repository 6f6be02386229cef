"""The race as a command."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from recipes.race import race
from recipes.race.__main__ import app
from recipes.race.lap import Lap

LAP = Lap(100.0, 2.0, 50.0, 10, 0.5, {"gen": 1.0}, {"driver": 9.0}, {"driver": 3.0})


def test_those_asked_for_run_and_the_page_stays_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran: list[Any] = []
    monkeypatch.setattr(
        race.Race, "laps", lambda self, console: ran.append(self) or {name: [LAP] for name in self.names}
    )
    asked = ["--out", str(tmp_path), "--only", "reflect", "--only", "single_turn", "--steps", "3"]
    ended = CliRunner().invoke(app, asked)
    assert ended.exit_code == 0 and "stock verl, a single turn" in ended.output and "TRL" not in ended.output
    assert ran[0].names == ["single_turn", "reflect"] and ran[0].course.steps == 3


def test_nobody_of_that_name_is_said_before_anything_runs(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["--out", str(tmp_path / "race"), "--only", "nobody"])
    assert ended.exit_code == 1 and str(ended.exception).startswith("--only nobody is nobody who runs; there are trl, ")
    assert not (tmp_path / "race").exists()
