"""Reads the Python and irrelevance categories of the Berkeley Function Calling Leaderboard, version 4.

They come with the package `bfcl-eval` (Apache-2.0), whose folder `bfcl_eval/data` holds a file of questions for each
category and, in `possible_answer`, one of accepted answers. Nothing of the package is imported.
"""

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from verl_reflect.tasks.bfcl import ABSTAINING, SUBSETS


def bfcl_records(folder: Path) -> Iterator[dict[str, Any]]:
    """Each row: `id`, `category`, `question` (a list of chats), `function` and, `[]` if abstaining, `ground_truth`.

    Raises OSError where a file is missing, and ValueError for a question without an answer.
    """
    for category in SUBSETS:
        name = f"BFCL_v4_{category}.json"
        abstaining = category in ABSTAINING
        answers = {} if abstaining else {row["id"]: row for row in _lines(folder / "possible_answer" / name)}
        for row in _lines(folder / name):
            if not abstaining and row["id"] not in answers:
                raise ValueError(f"{folder / name}: {row['id']} has no accepted answer")
            yield {
                **row,
                "category": category,
                "ground_truth": [] if abstaining else answers[row["id"]]["ground_truth"],
            }


def data_folder(source: str) -> Path:
    """The folder with the data, in a folder that holds the package or its data, or in an installed package."""
    package = None if Path(source).is_dir() or not source.isidentifier() else find_spec(source)
    roots = [Path(source), *map(Path, (package and package.submodule_search_locations) or ())]
    for root in roots:
        for folder in (root, root / "data", root / "bfcl_eval" / "data"):
            if (folder / f"BFCL_v4_{SUBSETS[0]}.json").is_file():
                return folder
    raise ValueError(f"{source!r} is neither a folder with BFCL_v4_{SUBSETS[0]}.json nor an installed package with one")


def _lines(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {error}") from error
