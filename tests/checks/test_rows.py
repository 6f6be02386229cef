"""A row that cannot be asked, judged or handed on is refused with what is wrong; odd ones that work are let through."""

import inspect
import json
from typing import Any

import pyarrow as pa
import pytest
from data_rows import data_row
from hypothesis import given, settings
from hypothesis import strategies as st
from verl.experimental.agent_loop.agent_loop import AgentLoopOutput
from verl.trainer.ppo.v1.agent_loop_tq import AgentLoopWorkerTQ

from verl_reflect.checks.rows import TAKEN, Expected, fault_of, odd_rows
from verl_reflect.finding import Doubt

EXPECTED = Expected("prompt", ("images",))
TASK = {"role": "user", "content": "Make 29"}
STORED = {"agent_name": "stored_reflection", "reflection": "I was wrong ."}
SWAPPED = {"agent_name": "swapped_reflection", "other_prompt": [TASK], "other_attempt": "3"}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"prompt": None}, "has no prompt; verl wants a list of messages"),
        ({"prompt": "Make 29"}, "has a prompt that is 'Make 29'; verl wants a list of messages"),
        ({"prompt": 29}, "has a prompt that is 29;"),
        ({"prompt": ["Make 29"]}, "has a prompt that is ['Make 29'];"),
        ({"prompt": []}, "has a prompt without a message of the role user"),
        ({"prompt": [{"role": "system", "content": "Be brief"}]}, "without a message of the role user"),
        ({"prompt": [{"role": None, "content": "Make 29"}]}, "whose message 0 has no role"),
        ({"prompt": [{"content": "Make 29"}]}, "whose message 0 has no role"),
        ({"prompt": [TASK, {"role": "user", "content": None}]}, "whose message 1 has the content None; make it text"),
        ({"prompt": [{"role": "user", "content": 29}]}, "whose message 0 has the content 29; make it text"),
        ({"prompt": [{"role": "user", "content": ""}]}, "is the user's and has no text"),
        ({"prompt": [{"role": "user", "content": [{"type": "image", "image": "x"}]}]}, "a part that is 'image'; only"),
        ({"prompt": [{"role": "user", "content": [{"type": "text", "text": None}]}]}, "a part that is 'text'; only"),
        ({"prompt": [{"role": "user", "content": []}]}, "has no text; write the task there"),
        ({"data_source": None}, "has no data_source"),
        ({"data_source": 7}, "has the data_source 7; name it in text"),
        ({"reward_model": None}, "has no reward_model.ground_truth; add it"),
        ({"reward_model": {"style": "rule"}}, "has no reward_model.ground_truth; add it"),
        ({"reward_model": '{"ground_truth": 29}'}, "has a reward_model that is text; verl wants a struct"),
        ({"reward_model": [29]}, "has a reward_model that is [29]"),
        ({"extra_info": '{"index": 1}'}, "has an extra_info that is '{\"index\": 1}'; verl wants a struct"),
        ({"tools": "no JSON"}, "has tools that are not JSON"),
        ({"tools": '{"name": "f"}'}, "has tools that are {'name': 'f'}; make it the JSON text of a list"),
        ({"tools": '["f"]'}, "has tools that are ['f']"),
        ({"tools": [{"name": "f"}]}, "has tools that are [{'name': 'f'}]; make it the JSON text"),
        ({"images": ["a.png"]}, "has images, and the loop asks in text alone"),
        ({"agent_name": None}, "has no agent_name; the agent loops are blind_retry, first_try"),
        ({"agent_name": "reflect"}, "has the agent_name 'reflect'; the agent loops are"),
        ({**STORED, "reflection": None}, "has the agent_name stored_reflection and no text in the column reflection"),
        ({**SWAPPED, "other_attempt": None}, "and no text in the column other_attempt"),
        ({**SWAPPED, "other_prompt": None}, "has no other_prompt; verl wants a list"),
    ],
)
def test_what_is_wrong_with_a_row_is_said(changes: dict[str, Any], fault: str) -> None:
    said = fault_of(data_row(**changes), EXPECTED)
    assert said is not None and not isinstance(said, Doubt)
    assert fault in said and "\n" not in said


@pytest.mark.parametrize(
    "changes",
    [
        {"extra_info": None},
        *({"extra_info": {"index": index}} for index in (None, 7, 1.5, "b7c9", "")),
        {"prompt": [{"role": "system", "content": ""}, TASK]},
        {"prompt": [{"role": "user", "content": [{"type": "text", "text": "Make 29"}]}]},
        {"prompt": [TASK, {"role": "assistant", "content": None, "tool_calls": [{"name": "f"}]}, TASK]},
        {"prompt": [TASK, {"role": "tool", "content": "29"}]},
        {"tools": None},
        {"tools": ""},
        {"tools": "null"},
        {"tools": "[]"},
        {"images": []},
        {"agent_name": "blind_retry"},
        STORED,
        SWAPPED,
        {"reward_model": {"ground_truth": None}},
    ],
)
def test_what_works_is_let_through(changes: dict[str, Any]) -> None:
    assert fault_of(data_row(**changes), EXPECTED) is None


@pytest.mark.parametrize(
    ("roles", "doubt"),
    [
        (["user", "assistant"], "ends with the assistant's message"),
        (["user", "system"], "ends with the system's"),
        (["human", "user"], "with the role human, which few"),
    ],
)
def test_unusual_roles_are_doubted(roles: list[str], doubt: str) -> None:
    said = fault_of(data_row(prompt=[{"role": role, "content": "Make 29"} for role in roles]), EXPECTED)
    assert isinstance(said, Doubt) and doubt in said


def test_a_given_reflection_is_not_trained() -> None:
    said = fault_of(data_row(**STORED), Expected("prompt", training=True))
    assert (
        said == "has the agent_name stored_reflection, whose reflection cannot be trained; keep it for data.val_files."
    )


def test_a_column_may_not_take_the_place_of_an_argument_or_a_field_of_verls() -> None:
    """verl hands a row on as keyword arguments, and lays it over the fields of what the loop returns."""
    of_ray = {"_ray_trace_ctx"}
    for method in (AgentLoopWorkerTQ._run_agent_loop, AgentLoopWorkerTQ._agent_loop_postprocess):
        named = {name for name, each in inspect.signature(method).parameters.items() if each.kind != each.VAR_KEYWORD}
        assert named - of_ray - {"agent_name"} <= TAKEN
    output = AgentLoopOutput(
        prompt_ids=[1], response_ids=[1], response_mask=[1], response_logprobs=[0.0], reward_score=1.0, metrics={}
    )
    assert set(output.as_dict()) <= TAKEN


MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "system", "assistant", "tool", "human", None]),
            "content": st.sampled_from(["Make 29", "", None]),
        }
    )
    | st.none(),
    max_size=3,
)
ROWS = st.fixed_dictionaries(
    {
        "prompt": MESSAGES | st.none(),
        "data_source": st.sampled_from(["countdown", "", None]),
        "reward_model": st.sampled_from([{"ground_truth": 1}, {"ground_truth": None}, None]),
        "extra_info": st.sampled_from([{"index": "a"}, {"index": None}, None]),
        "tools": st.sampled_from([None, "", "[]", "{", '[{"name": "f"}]']),
        "agent_name": st.sampled_from(["blind_retry", "stored_reflection", "no", None]),
        "reflection": st.sampled_from(["So .", None]),
    }
)


@settings(max_examples=150, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=6), st.integers(0, 2))
def test_no_row_with_a_fault_is_passed_over_in_a_table(rows: list[dict[str, Any]], skipped: int) -> None:
    [batch] = pa.Table.from_pylist(rows).combine_chunks().to_batches()
    piece = batch.slice(min(skipped, len(rows) - 1))
    faults = [fault_of(row, EXPECTED) for row in piece.to_pylist()]
    assert {number for number, fault in enumerate(faults) if fault} <= set(odd_rows(piece, EXPECTED))


@pytest.mark.parametrize("text", [pa.string(), pa.large_string()])
def test_usual_rows_are_not_looked_at_one_by_one(text: pa.DataType) -> None:
    system = {"role": "system", "content": "Be brief"}
    rows = [data_row(prompt=[system, TASK], extra_info={"index": 1}, tools=json.dumps([{"name": "f"}]))] * 5
    table = pa.Table.from_pylist(rows)
    message = pa.struct({"role": text, "content": text})
    prompts = pa.array([row["prompt"] for row in rows], pa.list_(message))
    [batch] = table.set_column(table.schema.get_field_index("prompt"), "prompt", prompts).to_batches()
    assert odd_rows(batch, EXPECTED) == []
