"""Only text reaches the model in a dialogue, so data with more are refused. verl's own loops would show it all."""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow.parquet as parquet

from verl_reflect.checks.run import Run, UnfitError

ROWS_LOOKED_AT = 256
KINDS = ("image", "video", "audio")


def check_modalities(run: Run) -> str:
    """No row has an image, a video or sound."""
    for key, path in run.files():
        if path.endswith(".parquet") and os.path.isfile(path):
            for number, row in enumerate(_first_rows(run, path)):
                if media := sorted(set(_media(run, row))):
                    raise UnfitError(
                        f"{key}: row {number} of {path} has {' and '.join(media)}, and only text reaches the model in "
                        "a dialogue of several turns; take such rows out, or leave the columns out."
                    )
    return "text only"


def _first_rows(run: Run, path: str) -> Iterable[Mapping[str, Any]]:
    file = parquet.ParquetFile(path)
    wanted = {run.config.data.prompt_key, *_columns(run).values()} & set(file.schema_arrow.names)
    batch = next(file.iter_batches(batch_size=ROWS_LOOKED_AT, columns=sorted(wanted)), None)
    return [] if batch is None else batch.to_pylist()


def _columns(run: Run) -> dict[str, str]:
    """The column of each kind, as verl's data set names it."""
    return {kind: run.config.data.get(f"{kind}_key") or f"{kind}s" for kind in KINDS}


def _media(run: Run, row: Mapping[str, Any]) -> Iterator[str]:
    yield from (kind for kind, column in _columns(run).items() if row.get(column))
    messages = row.get(run.config.data.prompt_key)
    for message in messages if isinstance(messages, list) else []:
        parts = message.get("content") if isinstance(message, dict) else None
        if isinstance(parts, list):
            yield from (str(part["type"]) for part in parts if isinstance(part, dict) and part.get("type") != "text")
