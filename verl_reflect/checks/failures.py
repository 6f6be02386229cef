"""Checks of stored first attempts: every row has one that the model can be shown, and they are its own failures.

The columns `first_attempt` (text) and `first_attempt_ids` (tokens, which are used rather than the text).
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from verl_reflect.checks.files import DataFile, Piece, Row, rows_of_piece
from verl_reflect.checks.rows import is_list, shown
from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.config import FirstAttempt
from verl_reflect.finding import Doubt
from verl_reflect.records.model_identity import ModelIdentity, template_hash
from verl_reflect.records.parquet import card_path

COLUMNS = ("first_attempt", "first_attempt_ids")
ROWS_DECODED = 256


def check_failure_set(run: Run) -> str:
    """Stored first attempts are failures of the model that is trained, in the chat template that is used."""
    if run.settings.first_attempt is FirstAttempt.live:
        return "first attempts are made by the model that is trained"
    doubts, mined = list[str](), 0
    for path in (Path(path) for key, path in run.files() if key == "data.train_files"):
        card = _card_of_mining(path)
        mined += bool(card)
        doubts += [f"{path.name} {doubt}" for doubt in _doubts_of_card(run, card)] if card else []
    if doubts:
        return Doubt("; ".join(doubts) + ". Mine anew with `verl-reflect mine`, or know what you do.")
    return "mined from this model" if mined else "no card says which model failed"


def check_attempts(run: Run, file: DataFile, *, needed: bool) -> list[str]:
    """Look at the attempts of all rows, and return what is doubtful of them.

    Args:
        needed: A row without one cannot be trained on.

    Raises:
        UnfitError: for the first row whose attempt cannot be shown to this model.
    """
    vocabulary = _vocabulary(run) if "first_attempt_ids" in file.names else 0  # texts alone need no model
    tally, before = Tally(vocabulary, run.settings.max_attempt_tokens), 0
    for piece in file.pieces(COLUMNS):
        rows = _odd(piece, tally)
        for number, row in zip(rows, _rows_at(piece, rows), strict=True):
            if fault := _fault(row, vocabulary, needed):
                raise UnfitError(f"{file.place(before + number)} {fault}")
        before += len(piece)
    return [*tally.doubts(Path(file.path).name), *_other_tokens(run, file)]


def _vocabulary(run: Run) -> int:
    return max(len(run.tokenizer), run.model_config.get_text_config().vocab_size)


@dataclass
class Tally:
    """Attempts that are all right, and yet not what one would expect."""

    vocabulary: int
    limit: int
    """`reflect.max_attempt_tokens`."""
    empty: int = 0
    too_long: int = 0

    def doubts(self, name: str) -> Iterator[str]:
        """A clause for each."""
        if self.empty:
            yield f"{name} has {self.empty} empty first attempts."
        if self.too_long:
            yield f"{name} has {self.too_long} first attempts that reflect.max_attempt_tokens={self.limit} cuts."


def _fault(row: Row, vocabulary: int, needed: bool) -> str | None:
    """What is wrong with the attempt of a row."""
    text, token_ids = (row.get(name) for name in COLUMNS)
    if text is None and token_ids is None:
        return "has no first_attempt; leave the row out, or set reflect.first_attempt=live." if needed else None
    if text is None:
        return "has first_attempt_ids and no first_attempt; add their text."
    if not isinstance(text, str):
        return f"has a first_attempt that is {shown(text)}; make it text."
    if token_ids is None:
        return None
    if not isinstance(token_ids, list):
        return f"has first_attempt_ids that are {shown(token_ids)}; make them a list of token ids, or drop the column."
    for token in token_ids:
        if not isinstance(token, int | float) or not math.isfinite(token) or token != int(token):
            return f"has {shown(token)} in its first_attempt_ids; make them a list of token ids, or drop the column."
        if not 0 <= token < vocabulary:
            return (
                f"has the token id {shown(token)} in its first_attempt_ids, and the model's vocabulary ends at "
                f"{vocabulary - 1}; mine the attempts of this model, or drop the column first_attempt_ids."
            )
    return None


def _rows_at(piece: Piece, numbers: Iterable[int]) -> list[Row]:
    if isinstance(piece, pa.RecordBatch):
        return rows_of_piece(piece.take(pa.array(numbers, pa.int64())))
    return [piece[number] for number in numbers]


def _odd(piece: Piece, tally: Tally) -> list[int]:
    """Numbers, within the piece, of the rows that have a fault or might; the others are counted."""
    if not isinstance(piece, pa.RecordBatch):
        return list(range(len(piece)))
    names = piece.schema.names
    fine = np.full(piece.num_rows, names != ["first_attempt_ids"])
    if "first_attempt" in names:
        texts = piece.column("first_attempt")
        known = pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)
        fine &= pc.is_valid(texts).to_numpy(zero_copy_only=False) & known
        tally.empty += (pc.sum(pc.equal(pc.binary_length(texts), 0)).as_py() or 0) if known else 0
    if "first_attempt_ids" in names:
        fine &= _usual_ids(piece.column("first_attempt_ids"), tally)
    return [int(number) for number in np.flatnonzero(~fine)]


def _usual_ids(column: pa.Array, tally: Tally) -> "np.ndarray[Any, Any]":
    """Rows with ids of the vocabulary, or with none."""
    if pa.types.is_null(column.type):
        return np.ones(len(column), dtype=bool)
    if not is_list(column.type) or not pa.types.is_integer(column.type.value_type):
        return np.zeros(len(column), dtype=bool)
    lengths, ids = pc.list_value_length(column), pc.list_flatten(column)
    tally.too_long += pc.sum(pc.greater(lengths, tally.limit + 1)).as_py() or 0  # the end of turn is no part of it
    known = pc.and_(pc.greater_equal(ids, 0), pc.less(ids, pa.scalar(tally.vocabulary)))
    fine = np.ones(len(column), dtype=bool)
    fine[pc.list_parent_indices(column).filter(pc.invert(pc.fill_null(known, False)))] = False
    return fine


def _other_tokens(run: Run, file: DataFile) -> Iterator[str]:
    """A doubt about ids that are not those of their text. Refused if no row's are: then they are of other tokens."""
    rows = file.first(ROWS_DECODED) if set(COLUMNS) <= set(file.names) else []
    numbered = [(number, row) for number, row in enumerate(rows) if row["first_attempt_ids"]]
    odd = [number for number, row in numbered if not _says(run.tokenizer, *(row[name] for name in COLUMNS))]
    if odd and len(odd) == len(numbered):
        said = run.tokenizer.decode([int(token) for token in rows[odd[0]]["first_attempt_ids"]])
        raise UnfitError(
            f"{file.place(odd[0])} has first_attempt_ids that say {shown(said)} to this model, not its first_attempt, "
            "nor do any other row's; mine the attempts of this model, or drop the column first_attempt_ids."
        )
    if odd:
        yield f"{file.place(odd[0])} has first_attempt_ids that do not say its first_attempt."


def _says(tokenizer: Any, text: str, token_ids: Iterable[Any]) -> bool:
    """The ids mean the text, apart from white space and from special tokens."""
    ids = [int(token) for token in token_ids]
    readings = (tokenizer.decode(ids, skip_special_tokens=skip) for skip in (False, True))
    return any(_bare(reading).startswith(_bare(text)) for reading in readings)


def _bare(text: str) -> str:
    return "".join(text.split())


def _card_of_mining(path: Path) -> Mapping[str, Any] | None:
    """What `verl-reflect mine` wrote beside a file; None if it wrote nothing there."""
    try:
        card = json.loads(card_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    mined = card.get("mined") if isinstance(card, dict) else None
    return mined if isinstance(mined, dict) else None


def _doubts_of_card(run: Run, mined: Mapping[str, Any]) -> Iterator[str]:
    try:
        origin, said_template = ModelIdentity(**mined["model"]), mined["chat_template"]
        tokens = int(mined["sampling"]["max_tokens"])
    except (KeyError, TypeError, ValueError):
        yield "has a card that `verl-reflect mine` did not write"
        return
    trained = ModelIdentity.of(run.model.path)
    if origin.differs_from(trained):
        yield f"holds failures of another model ({origin.path}) than is trained ({trained.path})"
    template = template_hash(run.tokenizer.chat_template, run.config.data.get("apply_chat_template_kwargs") or {})
    if said_template != template:
        yield "was mined with another chat template"
    if tokens > (limit := run.settings.max_attempt_tokens):
        yield f"has attempts of up to {tokens} tokens, which reflect.max_attempt_tokens={limit} cuts"
