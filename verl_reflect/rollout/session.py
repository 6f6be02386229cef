"""One session of a group, as verl hands it to the agent loop: a data row and where it belongs."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class StoredTurn:
    """What the model said earlier, as a data row carries it."""

    text: str
    token_ids: list[int] | None
    """Verbatim; None if only the text is known."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any], name: str) -> "StoredTurn | None":
        """Read the columns `name` and `name_ids`. None if the row has no such turn: pandas makes NaN of that."""
        text, token_ids = row.get(name), row.get(f"{name}_ids")
        if not isinstance(text, str):
            return None
        return cls(text, None if token_ids is None else [int(token) for token in token_ids])


@dataclass(frozen=True)
class Session:
    """A data row, and where its session belongs."""

    group: str
    """The same for all sessions that share a first attempt, and the key that keeps them on one server."""
    number: int
    """Of the session in its group, from 0."""
    index: int | str
    """See `item_index`."""
    step: int
    """The training step: a model of its own."""
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None
    data_source: str
    ground_truth: Any
    extra_info: Any
    own_attempt: bool
    """No other session shares its first attempt."""
    validate: bool
    usher: str | None
    """Who shows its group to a place (usher.py). None where a group need not ask: its attempt is of the data, or each
    session's own."""
    sampling_params: dict[str, Any]
    stored_attempt: StoredTurn | None
    """Column `first_attempt`."""
    stored_reflection: StoredTurn | None
    """Column `reflection`."""
    other_messages: list[dict[str, Any]]
    """Column `other_prompt`: another task, for the control that swaps reflections. Empty if there is none."""
    other_attempt: StoredTurn | None
    """Column `other_attempt`: a failure at that task."""
    row: Mapping[str, Any]
    """All of it, as verl hands it to an agent loop."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any], sampling_params: dict[str, Any], *, own_attempt: bool) -> "Session":
        """Read verl's keyword arguments of `AgentLoopBase.run`. Validation always has attempts of its own."""
        validate = bool(row["is_validation"])
        own_attempt = own_attempt or validate
        return cls(
            group=f"{row['uid']}-{row['session_id']}" if own_attempt else row["uid"],
            own_attempt=own_attempt,
            number=int(row["session_id"]),
            index=item_index(row.get("index")),
            step=int(row["global_steps"]),
            messages=messages_of(row["raw_prompt"]),
            tools=functions_of(row),
            data_source=row["data_source"],
            ground_truth=row["reward_model"]["ground_truth"],
            extra_info=row.get("extra_info"),
            validate=validate,
            usher=None if own_attempt else row.get("usher"),
            sampling_params=sampling_params,
            stored_attempt=StoredTurn.from_row(row, "first_attempt"),
            stored_reflection=StoredTurn.from_row(row, "reflection"),
            other_messages=messages_of(row.get("other_prompt")),
            other_attempt=StoredTurn.from_row(row, "other_attempt"),
            row=row,
        )

    @property
    def task(self) -> str:
        """The task's last user message, which the retry repeats."""
        return last_request(self.messages)


def item_index(value: Any) -> int | str:
    """A row's `extra_info.index` as transcripts have it: a whole number, or whatever it is as text; 0 for none."""
    plain = value.item() if isinstance(value, np.generic) else value
    if plain is None or plain != plain:  # pandas makes NaN of nothing
        return 0
    if isinstance(plain, int | float) and abs(plain) < 2**63 and plain == int(plain):
        return int(plain)
    return str(plain)


def functions_of(row: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """What the column `tools`, JSON text, lists. None if it is empty."""
    text = row.get("tools")
    return json.loads(text) or None if isinstance(text, str) and text else None


def last_request(messages: Iterable[Mapping[str, Any]]) -> str:
    """The text of the last message of the user, the task; empty if there is none."""
    said = [text_of(message["content"]) for message in messages if message["role"] == "user"]
    return said[-1] if said else ""


def text_of(content: str | Sequence[Mapping[str, Any]]) -> str:
    """A message's text, which some data sets cut into parts such as `{"type": "text", "text": …}`.

    Raises:
        ValueError: a part is an image, a video or sound, none of which reaches the model in a dialogue.
    """
    if isinstance(content, str):
        return content
    if other := sorted({str(part.get("type")) for part in content} - {"text"}):
        raise ValueError(
            f"A prompt has {', '.join(other)}, and only text reaches the model in a dialogue; take such rows out."
        )
    return "".join(part["text"] for part in content)


def messages_of(column: Any) -> list[dict[str, Any]]:
    """The messages of a column, with their contents as text: most chat templates cannot read parts."""
    messages = [dict(message) for message in column] if isinstance(column, Iterable) else []
    return [
        {**message, "content": text_of(content)} if (content := message.get("content")) is not None else message
        for message in messages
    ]
