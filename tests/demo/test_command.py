"""The demo a second time: what is in its folder is shown again, and nothing else is taken for it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from report_folders import blind, failures, write_run
from rich.console import Console

from verl_reflect.demo import command
from verl_reflect.demo.command import demo
from verl_reflect.demo.training import ToyTraining, TrainingError
from verl_reflect.records.growing_file import GrowingFile
from verl_reflect.records.run import Start, line_of


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A folder with a finished demo of seed 1."""
    sessions = {step: [*failures(False, step > 0), *blind(False, False)] for step in (0, 20, 40)}
    tried = failures(False, True, data_source="countdown/first_try")
    folder = write_run(tmp_path / "demo", {step: [*lines, *tried] for step, lines in sessions.items()})
    start = Start.first({"data": {"seed": 1}}, -1)
    (folder / "metrics.run.jsonl").write_bytes(line_of(start))
    return folder


@pytest.fixture
def _nothing_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    def train(training: ToyTraining) -> Iterator[None]:
        raise AssertionError("it trains")

    monkeypatch.setattr(ToyTraining, "run", train)
    monkeypatch.setattr(command, "make_data", lambda *_, **__: pytest.fail("it makes data"))


def said(folder: Path, seed: int) -> str:
    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=80, file=nowhere)
        demo(folder, seed, console)
        return console.export_text()


@pytest.mark.usefixtures("_nothing_is_trained")
def test_it_is_shown_again_and_says_how_to_get_a_new_one(finished: Path) -> None:
    shown = said(finished, seed=1)
    assert "holds this demo, finished" in " ".join(shown.split()) and "--out FOLDER --seed NUMBER" in shown
    assert (finished / "curves.png").exists()


@pytest.mark.usefixtures("_nothing_is_trained")
def test_80_columns_break_no_number_and_no_interval(finished: Path) -> None:
    first, second = [line for line in said(finished, seed=1).splitlines() if " to " in line][:2]
    assert first.count(" to ") == second.count(" to ") == 3


@pytest.mark.usefixtures("_nothing_is_trained")
def test_one_of_another_seed_is_not_taken_for_it(finished: Path) -> None:
    with pytest.raises(TrainingError, match="holds a finished training"):
        said(finished, seed=2)


@pytest.mark.usefixtures("_nothing_is_trained")
def test_one_that_is_being_written_is_not_shown(finished: Path) -> None:
    at_work = GrowingFile(finished / "metrics.run.jsonl")
    with pytest.raises(TrainingError, match="is being written to by another training"):
        said(finished, seed=1)
    at_work.close()
