"""How far a long command is, where its output is a file."""

import io
import time

import pytest
from rich.console import Console

from verl_reflect import progress as module
from verl_reflect.progress import clock, counted, progress


def test_a_line_every_so_often_even_if_nothing_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINE_SECONDS", 0.01)
    file = io.StringIO()
    with progress("steps", 40, 10, Console(file=file)) as bar:
        time.sleep(0.2)
        bar.update(20, "half of it")
        time.sleep(0.2)
    lines = file.getvalue().splitlines()
    assert lines[0].startswith("steps, 10/40, 0:0") and len(lines) > 2
    assert lines[-1].startswith("steps, 20/40, half of it, 0:0") and lines[-1].endswith(" left")


def test_short_work_says_nothing_of_itself() -> None:
    file = io.StringIO()
    with progress("looking", console=Console(file=file)):
        pass
    assert file.getvalue() == ""


def test_what_is_counted_is_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(counted("abc", "letters", 3)) == ["a", "b", "c"]
    assert "letters, 3/3" in capsys.readouterr().err


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (309, "5:09"), (3909, "1:05:09")])
def test_time_for_people(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown
