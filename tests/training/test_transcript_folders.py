"""A full disk costs a step's transcripts, never the training, and is said."""

import json
import logging
from pathlib import Path

import pytest
from limits import files_of_at_most
from omegaconf import OmegaConf
from report_folders import EPISODE

from verl_reflect.records.run import Start
from verl_reflect.records.transcripts import Transcript
from verl_reflect.training.transcript_folders import TranscriptFolders

START = Start("abc", 2, "2026-01-02T03:04:05+00:00", 10, {}, {})
TOLD = Transcript(**vars(EPISODE), key="a_0", metrics={})


def test_each_line_names_its_run(tmp_path: Path) -> None:
    trainer = OmegaConf.create({"rollout_data_dir": None, "validation_data_dir": str(tmp_path / "v")})
    folders = TranscriptFolders(trainer, START)
    for _ in range(2):  # a validation that comes in two batches
        folders.write([TOLD], 20, validating=True)
    folders.write([TOLD], 20, validating=False)
    lines = [json.loads(line) for line in (tmp_path / "v/transcripts/20.jsonl").read_text().splitlines()]
    assert [(line["run"], line["start"]) for line in lines] == [("abc", 2)] * 2


@pytest.mark.parametrize("size", [100, 1000])
def test_a_full_disk_is_a_warning_and_verl_is_told_to_leave_its_dump_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, size: int
) -> None:
    trainer = OmegaConf.create({"rollout_data_dir": str(tmp_path), "validation_data_dir": None})
    folders = TranscriptFolders(trainer, START)
    folders.write([TOLD], 1, validating=False)
    assert trainer.rollout_data_dir == str(tmp_path)
    with caplog.at_level(logging.WARNING), files_of_at_most(size):
        folders.write([TOLD], 2, validating=False)
    assert trainer.rollout_data_dir is None, "at 1,000 bytes ours fits, and verl's might not"
    [said] = caplog.messages
    assert said.startswith("verl-reflect: step 2 is not in trainer.rollout_data_dir, and training goes on: ")
    assert str(tmp_path) in said and "cannot be written (File too large); make room there" in said
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} <= {"1.jsonl", "2.jsonl"}
    folders.write([TOLD], 3, validating=False)
    assert trainer.rollout_data_dir == str(tmp_path), "there is room again"
