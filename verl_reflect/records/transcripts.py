"""Transcripts: what every session said and how it was judged."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def read_transcripts(folder: Path, step: int) -> list[dict[str, Any]]:
    """The sessions of the validation at a step (`trainer.validation_data_dir` of the run)."""
    with open(folder / "transcripts" / f"{step}.jsonl", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def outcomes(transcripts: Iterable[Mapping[str, Any]], data_source: str, metric: str) -> dict[int, bool]:
    """Success by item index of one data source; `metric` is `first_try` or `second_try`."""
    return {line["index"]: line["metrics"][metric] > 0 for line in transcripts if line["data_source"] == data_source}
