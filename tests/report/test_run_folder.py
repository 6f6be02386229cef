"""Runs are told apart: by what their files say, and by what must be another one's."""

import json
import os
from pathlib import Path

import pytest
from report_folders import failures, write_run

from verl_reflect.records.run import Start, line_of
from verl_reflect.report.reading import read_sources, remarks

LR = "actor_rollout_ref.actor.optim.lr"


def start(run: str = "a", number: int = 1, after: int | None = -1, lr: float = 1e-3, seed: int = 1) -> Start:
    return Start(run, number, f"2026-01-0{number}T00:00:00+00:00", after, {LR: lr}, {"data.seed": seed})


def a_run(folder: Path, steps: dict[int, Start], *starts: Start) -> Path:
    """A run whose validation at each step was written by a start."""
    lines = {
        step: [{**each, "run": by.run, "start": by.number} for each in failures(step > 0, False, True)]
        for step, by in steps.items()
    }
    write_run(folder, lines, metrics=[(step, {"timing_s/step": 1.0}) for step in steps])
    (folder / "metrics.run.jsonl").write_bytes(b"".join(map(line_of, starts or [start()])))
    return folder


def test_what_a_later_start_did_not_go_on_from_is_no_part_of_the_run(tmp_path: Path) -> None:
    first, second = start(), start(number=2, after=20)
    folder = a_run(tmp_path / "run", {0: first, 20: second, 30: second, 40: first}, first, second)
    [source] = read_sources([str(folder)])
    assert list(source.validations) == [0, 20, 30] and source.after_name == "after training (step 30)"


def test_files_of_two_runs_are_refused_by_name(tmp_path: Path) -> None:
    folder = a_run(tmp_path / "run", {0: start("b"), 40: start("a")}, start("b"))
    with pytest.raises(ValueError, match=r"holds files of 2 runs \(.*40\.jsonl of run a.*; move those of one away"):
        read_sources([str(folder)])


def test_the_log_of_one_run_and_the_transcripts_of_another_are_not_one(tmp_path: Path) -> None:
    folder = a_run(tmp_path / "run", {0: start("a"), 40: start("a")}, start("b"))
    with pytest.raises(ValueError, match="holds files of 2 runs"):
        read_sources([str(folder)])


def test_an_older_end_beside_a_newer_start_is_an_earlier_runs(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", {0: failures(False), 20: failures(False), 40: failures(True)})
    os.utime(folder / "validation/transcripts/40.jsonl", (1, 1))
    [source] = read_sources([str(folder)])
    assert "40.jsonl is older than that of an earlier step" in remarks([source])[0]
    log = "".join(json.dumps({"step": step, "data": {}}) + "\n" for step in range(21))
    (folder / "metrics.jsonl").write_text(log)
    with pytest.raises(
        ValueError, match=r"files of two runs: metrics\.jsonl ends at step 20, and .*40\.jsonl is an ear"
    ):
        read_sources([str(folder)])


def test_the_same_run_counts_once(tmp_path: Path) -> None:
    folder = a_run(tmp_path / "run-1", {0: start(), 40: start()})
    copy = a_run(tmp_path / "run-2", {0: start(), 40: start()})
    (tmp_path / "link").symlink_to(folder)
    assert [source.name for source in read_sources(map(str, (folder, copy, tmp_path / "link", folder)))] == ["run"]


def test_other_settings_are_not_seeds(tmp_path: Path) -> None:
    a_run(tmp_path / "run-1", {0: start()})
    a_run(tmp_path / "run-2", {0: start("b", lr=1e-4, seed=2)}, start("b", lr=1e-4, seed=2))
    folders = [str(tmp_path / f"run-{number}") for number in (1, 2)]
    with pytest.raises(ValueError, match=r"are both called run.*differ in actor_.*\.lr \(0\.001, not 0\.0001\); give"):
        read_sources(folders)
    assert len(read_sources([folders[0], f"slow={folders[1]}"])) == 2


def test_the_same_seed_twice_is_said_to_be_a_repetition(tmp_path: Path) -> None:
    a_run(tmp_path / "run-1", {0: start()})
    a_run(tmp_path / "run-2", {0: start("b")}, start("b"))
    sources = read_sources([str(tmp_path / f"run-{number}") for number in (1, 2)])
    assert remarks(sources)[0].endswith("have the same seeds, so they are repetitions.")


def test_an_empty_log_is_not_called_missing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is a run without a step yet: its metrics\.jsonl is empty"):
        read_sources([str(write_run(tmp_path / "run"))])
