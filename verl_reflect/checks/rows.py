"""What is wrong with a row of the data, one small function a column: what follows "row 3 of the file", or None.

A `Doubt` is for a row with which the run can start. `odd_rows` finds, by whole columns, the few rows to be looked at.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from verl_reflect.checks.files import Piece, Row
from verl_reflect.finding import Doubt
from verl_reflect.rollout.session import text_of
from verl_reflect.rollout.ways import WAYS

ROLES = ("system", "developer", "user", "assistant", "tool")
"""Those that chat templates know by these names."""
TAKEN = frozenset(
    (
        *("sampling_params", "trajectory", "trace", "session_id", "output", "validate", "self"),
        *("prompts", "responses", "response_mask", "rollout_log_probs", "routed_experts", "rm_scores"),
        *("teacher_ids", "teacher_logprobs", "num_turns", "metrics", "extra_fields", "mm_processor_kwargs"),
        *("__rollout_n__", "__do_sample__", "dataset_row"),
    )
)
"""Names of columns that would take the place of something of verl's: it hands a row on as keyword arguments."""
SHOWN_CHARS = 60


@dataclass(frozen=True)
class Expected:
    """What the rows of a file are for."""

    prompt_key: str
    media_keys: tuple[str, ...] = ()
    """Columns with images, videos or sounds."""
    loops: frozenset[str] = frozenset(way.loop for way in WAYS.values())
    """What a column `agent_name` may say."""
    training: bool = False
    data_source_fault: Callable[[str], str | None] = lambda source: None
    """What else is wrong with a row's data source."""

    @property
    def columns(self) -> tuple[str, ...]:
        """All that are looked at."""
        others = ("agent_name", "reflection", "other_prompt", "other_attempt")
        return (self.prompt_key, "data_source", "reward_model", "extra_info", "tools", *self.media_keys, *others)


def fault_of(row: Row, expected: Expected) -> str | None:
    """The first fault of a row."""
    faults = (
        messages_fault(row.get(expected.prompt_key), expected.prompt_key),
        _data_source_fault(row.get("data_source"), expected),
        _reward_model_fault(row.get("reward_model")),
        _extra_info_fault(row.get("extra_info")),
        _tools_fault(row.get("tools")),
        *(_media_fault(name, row.get(name)) for name in expected.media_keys),
        _agent_fault(row, expected) if "agent_name" in row else None,
    )
    found = [fault for fault in faults if fault]
    return next((fault for fault in found if not isinstance(fault, Doubt)), found[0] if found else None)


def messages_fault(messages: Any, column: str) -> str | None:
    """Of a prompt."""
    wanted = "verl wants a list of messages, each with a role and a content"
    if messages is None:
        return f"has no {column}; {wanted}."
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        return f"has a {column} that is {shown(messages)}; {wanted}."
    for number, message in enumerate(messages):
        if fault := _message_fault(message):
            return f"has a {column} whose message {number} {fault}"
    if not any(message["role"] == "user" for message in messages):
        return f"has a {column} without a message of the role user; add the task, which the retry repeats."
    return _doubt_of_roles([message["role"] for message in messages], column)


def _message_fault(message: Mapping[str, Any]) -> str | None:
    role, content = message.get("role"), message.get("content")
    if not isinstance(role, str) or not role:
        return "has no role; name it, such as user."
    if content is None and role == "assistant" and message.get("tool_calls"):
        return None  # it calls, and says nothing
    if isinstance(content, list):
        return _parts_fault(content)
    if not isinstance(content, str):
        return f"has the content {shown(content)}; make it text."
    return None if content or role != "user" else "is the user's and has no text; write the task there."


def _parts_fault(parts: Sequence[Any]) -> str | None:
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind != "text" or not isinstance(part.get("text"), str):
            return f"has a part that is {shown(kind or part)}; only text can be asked here, so leave the row out."
    return None if text_of(parts) else "has no text; write the task there."


def _doubt_of_roles(roles: Sequence[str], column: str) -> str | None:
    if strange := next((role for role in roles if role not in ROLES), None):
        return Doubt(f"has a {column} with the role {strange}, which few chat templates know.")
    if roles[-1] in ("assistant", "system"):
        return Doubt(f"has a {column} that ends with the {roles[-1]}'s message, where the model is to answer the user.")
    return None


def _data_source_fault(source: Any, expected: Expected) -> str | None:
    if not isinstance(source, str) or not source:
        return f"has {f'the data_source {shown(source)}' if source is not None else 'no data_source'}; name it in text."
    return expected.data_source_fault(source)


def _reward_model_fault(reward_model: Any) -> str | None:
    if isinstance(reward_model, str):
        return "has a reward_model that is text; verl wants a struct with the field ground_truth, so parse the JSON."
    if reward_model is not None and not isinstance(reward_model, dict):
        return f"has a reward_model that is {shown(reward_model)}; verl wants a struct with the field ground_truth."
    return None if reward_model and "ground_truth" in reward_model else "has no reward_model.ground_truth; add it."


def _extra_info_fault(extra_info: Any) -> str | None:
    if extra_info is None or isinstance(extra_info, dict):
        return None
    return f"has an extra_info that is {shown(extra_info)}; verl wants a struct, or nothing."


def _tools_fault(tools: Any) -> str | None:
    if tools is None or tools == "":
        return None
    wanted = "make it the JSON text of a list of functions, or leave it empty."
    if not isinstance(tools, str):
        return f"has tools that are {shown(tools)}; {wanted}"
    try:
        parsed = json.loads(tools)
    except (ValueError, RecursionError) as error:
        return f"has tools that are not JSON ({error}); {wanted}"
    fine = parsed is None or (isinstance(parsed, list) and all(isinstance(each, dict) for each in parsed))
    return None if fine else f"has tools that are {shown(parsed)}; {wanted}"


def _media_fault(column: str, media: Any) -> str | None:
    return f"has {column}, and the loop asks in text alone; leave the row out." if media else None


def _agent_fault(row: Row, expected: Expected) -> str | None:
    name = row["agent_name"]
    if not isinstance(name, str) or name not in expected.loops:
        said = f"the agent_name {shown(name)}" if name is not None else "no agent_name"
        return f"has {said}; the agent loops are {', '.join(sorted(expected.loops))}."
    if expected.training and name in (WAYS[way].loop for way in ("fixed", "swapped", "stored")):
        return f"has the agent_name {name}, whose reflection cannot be trained; keep it for data.val_files."
    if name == WAYS["stored"].loop and not isinstance(row.get("reflection"), str):
        return f"has the agent_name {name} and no text in the column reflection; add it."
    if name == WAYS["swapped"].loop:
        if not isinstance(row.get("other_attempt"), str):
            return f"has the agent_name {name} and no text in the column other_attempt; add it."
        return messages_fault(row.get("other_prompt"), "other_prompt")
    return None


def shown(value: Any) -> str:
    """A value in a sentence."""
    said = " ".join(repr(value).split())
    return said if len(said) <= SHOWN_CHARS else f"{said[:SHOWN_CHARS]}…"


def odd_rows(piece: Piece, expected: Expected) -> Sequence[int]:
    """Numbers, within the piece, of the rows that have a fault or might. The others have none."""
    if not isinstance(piece, pa.RecordBatch):
        return range(len(piece))
    fine = np.ones(piece.num_rows, dtype=bool)
    for name in piece.schema.names:
        fine &= _surely_fine(name, piece.column(name), expected)
    return [int(number) for number in np.flatnonzero(~fine)]


def _surely_fine(name: str, column: pa.Array, expected: Expected) -> "np.ndarray[Any, Any]":
    if name == expected.prompt_key:
        return _usual_messages(column)
    if name == "data_source":
        return _each_value(column, lambda value: _data_source_fault(value, expected))
    if name == "tools":
        return _each_value(column, _tools_fault)
    if name == "agent_name":
        given = (WAYS[way].loop for way in ("fixed", "swapped", "stored"))
        plain = expected.loops.difference(given)
        return _each_value(column, lambda value: None if value in plain else "look at its other columns")
    if name == "reward_model":
        return _structs(column, "ground_truth")
    if name == "extra_info":
        return _structs(column) | _mask(pc.is_null(column))
    if name in expected.media_keys:
        return _mask(pc.is_null(column))
    return np.ones(len(column), dtype=bool)


def _each_value(column: pa.Array, fault: Callable[[Any], str | None]) -> "np.ndarray[Any, Any]":
    """Of a column of texts, each different one looked at once."""
    if not _is_text(column.type) and not pa.types.is_null(column.type):
        return np.zeros(len(column), dtype=bool)
    fine = [value for value in column.unique().to_pylist() if fault(value) is None]
    return _mask(pc.is_in(column, pa.array(fine, column.type)))


def _structs(column: pa.Array, *fields: str) -> "np.ndarray[Any, Any]":
    if not pa.types.is_struct(column.type) or any(column.type.get_field_index(field) < 0 for field in fields):
        return np.zeros(len(column), dtype=bool)
    return _mask(pc.is_valid(column))


def _usual_messages(column: pa.Array) -> "np.ndarray[Any, Any]":
    """Lists of messages with texts, of which the last is the user's."""
    fine = np.zeros(len(column), dtype=bool)
    if not is_list(column.type) or not pa.types.is_struct(column.type.value_type):
        return fine
    kinds = {field.name: field.type for field in column.type.value_type}
    if not all(_is_text(kinds.get(name, pa.null())) for name in ("role", "content")):
        return fine
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    messages, ends = pc.list_flatten(column), np.cumsum(lengths)
    if not len(messages):
        return fine
    roles, contents = pc.struct_field(messages, "role"), pc.struct_field(messages, "content")
    usual = _mask(pc.is_in(roles, pa.array(ROLES, roles.type))) & _mask(pc.greater(pc.binary_length(contents), 0))
    unusual_so_far = np.concatenate([[0], np.cumsum(~usual)])
    users = _mask(pc.equal(roles, "user"))
    all_usual = unusual_so_far[ends] == unusual_so_far[ends - lengths]
    return (lengths > 0) & all_usual & users[np.maximum(ends, 1) - 1]


def is_list(kind: pa.DataType) -> bool:
    """Of lists, as pandas or as polars writes them."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _mask(booleans: pa.Array) -> "np.ndarray[Any, Any]":
    found: np.ndarray[Any, Any] = pc.fill_null(booleans, False).to_numpy(zero_copy_only=False)
    return found
