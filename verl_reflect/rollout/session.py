"""One session of a group, as verl hands it to the agent loop: a data row and where it belongs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StoredTurn:
    """What the model said earlier, as a data row carries it."""

    text: str
    token_ids: list[int] | None
    """Verbatim; None if only the text is known."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any], name: str) -> "StoredTurn | None":
        """Read the columns `name` and `name_ids`. None if the row has no such turn."""
        text, token_ids = row.get(name), row.get(f"{name}_ids")
        if text is None:
            return None
        return cls(text, None if token_ids is None else [int(token) for token in token_ids])


@dataclass(frozen=True)
class Session:
    """A data row, and where its session belongs."""

    group: str
    """The same for all sessions that share a first attempt, and the key that keeps them on one server."""
    number: int
    """Of the session in its group, from 0."""
    index: int
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

    @classmethod
    def from_row(cls, row: Mapping[str, Any], sampling_params: dict[str, Any], *, own_attempt: bool) -> "Session":
        """Read verl's keyword arguments of `AgentLoopBase.run`. Validation always has attempts of its own."""
        validate = bool(row["is_validation"])
        own_attempt = own_attempt or validate
        return cls(
            group=f"{row['uid']}-{row['session_id']}" if own_attempt else row["uid"],
            own_attempt=own_attempt,
            number=int(row["session_id"]),
            index=int(row.get("index", 0)),
            step=int(row["global_steps"]),
            messages=_messages(row["raw_prompt"]),
            tools=json.loads(row["tools"]) if row.get("tools") else None,
            data_source=row["data_source"],
            ground_truth=row["reward_model"]["ground_truth"],
            extra_info=row.get("extra_info"),
            validate=validate,
            usher=None if own_attempt else row.get("usher"),
            sampling_params=sampling_params,
            stored_attempt=StoredTurn.from_row(row, "first_attempt"),
            stored_reflection=StoredTurn.from_row(row, "reflection"),
            other_messages=_messages(row.get("other_prompt")),
            other_attempt=StoredTurn.from_row(row, "other_attempt"),
        )

    @property
    def task(self) -> str:
        """The task's last user message, which the retry repeats."""
        return next(str(message["content"]) for message in reversed(self.messages) if message["role"] == "user")


def _messages(column: Any) -> list[dict[str, Any]]:
    return [] if column is None else [dict(message) for message in column]
