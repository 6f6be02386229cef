"""The tiny model's commands: where they write, and what they hand on."""

from pathlib import Path
from typing import Any

import pytest
from builders import ROOT
from typer.testing import CliRunner

from recipes.tiny_model import compare, comparison_table, results, warm_start
from recipes.tiny_model.__main__ import app
from recipes.tiny_model.compare import ComparedTrainings
from verl_reflect.demo.training import TrainingError

DOCS, README = ROOT / "docs", ROOT / "README.md"


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("options", "seeds"), [([], results.SEEDS), (["--seeds", "4", "--seeds", "5", "--out", "runs/results"], [4, 5])]
)
def test_results_are_written_into_their_own_clone_from_any_folder(
    monkeypatch: pytest.MonkeyPatch, options: list[str], seeds: list[int]
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(results, "results", lambda *arguments: asked.extend(arguments))
    assert CliRunner().invoke(app, ["results", *options]).exit_code == 0
    assert asked[:4] == [Path("runs/results"), seeds, DOCS, README]


def test_the_comparison_is_trained_and_then_written_into_its_own_clone(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[object] = []
    monkeypatch.setattr(ComparedTrainings, "run", lambda self, console: done.append(self))
    monkeypatch.setattr(comparison_table, "publish", lambda *arguments: done.extend(arguments))
    assert CliRunner().invoke(app, ["compare"]).exit_code == 0
    compared = ComparedTrainings(Path("runs/compare"), compare.SEEDS)
    assert done == [compared, compared, DOCS, README]


def test_a_training_that_fails_is_a_sentence_and_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise TrainingError("verl ended with 1; see verl.log.")

    monkeypatch.setattr(ComparedTrainings, "run", fails)
    monkeypatch.setattr(comparison_table, "publish", lambda *_: pytest.fail("there is nothing to write"))
    ended = CliRunner().invoke(app, ["compare"])
    assert ended.exit_code == 1 and str(ended.exception) == "verl ended with 1; see verl.log."


def test_a_warm_start_goes_where_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made: list[object] = []
    monkeypatch.setattr(warm_start, "make_checkpoint", lambda *arguments: made.extend(arguments))
    assert CliRunner().invoke(app, ["warm-start", "--out", str(tmp_path), "--seed", "2"]).exit_code == 0
    assert made == [tmp_path, 2]
