"""The replication as a command: where it writes, and what it hands on."""

from pathlib import Path
from typing import Any

import pytest
from builders import ROOT
from typer.testing import CliRunner

from recipes.replication import checkpoints, replicate, verl_data
from recipes.replication.__main__ import app


@pytest.mark.parametrize(("options", "sizes"), [([], ["large", "small"]), (["--small"], ["small"])])
def test_it_writes_into_its_own_clone_from_any_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: list[str], sizes: list[str]
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(replicate, "replicate", lambda *arguments: asked.extend(arguments))
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["--out", "cells", *options]).exit_code == 0
    assert (asked[0], asked[1], asked[2], asked[5]) == (Path("cells"), ROOT / "docs", ROOT / "README.md", sizes)


def test_what_is_wrong_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path)
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(app, [])
    assert ended.exit_code == 1 and str(ended.exception).startswith("The starts llama-large, llama-small, ")
    assert not list(tmp_path.iterdir())


def test_starts_are_made_with_a_seed_and_nothing_else_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    monkeypatch.setattr(checkpoints, "make_starts", seeds.append)
    monkeypatch.setattr(replicate, "replicate", lambda *_: pytest.fail("not asked for"))
    assert CliRunner().invoke(app, ["checkpoints", "--seed", "3"]).exit_code == 0
    assert seeds == [3]


def test_data_for_verl_are_made_and_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def make_data(out: Path, start: str, world: str, *, train: int, held_out: int, seed: int) -> list[Path]:
        assert (start, world, train, held_out, seed) == ("llama-small", "calls", 20, 200, 0)
        return [out / "train.parquet", out / "validation.parquet"]

    monkeypatch.setattr(verl_data, "make_data", make_data)
    options = ["--start", "llama-small", "--world", "calls", "--train", "20", "--out", str(tmp_path)]
    ended = CliRunner().invoke(app, ["data", *options])
    assert ended.stdout.split() == [f"{tmp_path}/train.parquet", f"{tmp_path}/validation.parquet"]
