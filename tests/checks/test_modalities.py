"""Data with more than text are refused before a model loads."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from omegaconf import DictConfig

from verl_reflect.checks.modalities import check_modalities
from verl_reflect.checks.run import Run, UnfitError

PROMPT = [{"role": "user", "content": "What is this?"}]


@pytest.fixture
def check(recipe_config: Callable[..., DictConfig], tmp_path: Path) -> Callable[..., str]:
    def checked(rows: list[dict[str, Any]], *assignments: str) -> str:
        parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "data.parquet")
        files = [f"data.train_files={tmp_path}/data.parquet", f"data.val_files={tmp_path}/data.parquet"]
        return check_modalities(Run(recipe_config(*files, *assignments)))

    return checked


def test_text_is_in_order(check: Callable[..., str]) -> None:
    assert check([{"prompt": PROMPT}]) == check([{"prompt": PROMPT, "images": None}]) == "text only"
    assert check([{"prompt": [{"role": "user", "content": [{"type": "text", "text": "Add."}]}]}]) == "text only"


@pytest.mark.parametrize("kind", ["image", "video", "audio"])
def test_a_column_of_something_else_is_refused_by_row(kind: str, check: Callable[..., str]) -> None:
    rows = [{"prompt": PROMPT, f"{kind}s": None}, {"prompt": PROMPT, f"{kind}s": [b"x"]}]
    with pytest.raises(UnfitError, match=rf"data.train_files: row 1 of .* has {kind}, and only text reaches"):
        check(rows)


def test_the_column_is_the_one_that_verl_reads(check: Callable[..., str]) -> None:
    rows = [{"prompt": PROMPT, "photos": [b"x"]}]
    assert check(rows) == "text only"
    with pytest.raises(UnfitError, match=r"row 0 of .* has image"):
        check(rows, "data.image_key=photos")


def test_a_message_with_something_else_is_refused(check: Callable[..., str]) -> None:
    content = [{"type": "image", "text": "x"}, {"type": "text", "text": "What is this?"}]
    with pytest.raises(UnfitError, match=r"row 0 of .* has image"):
        check([{"prompt": [{"role": "user", "content": content}]}])
