"""The function calling verifier: what counts as the same call, how it names failures, and that nothing breaks it."""

import json
import re
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from builders import compose_config
from hostile_calls import HOSTILE, judged_in_time
from hypothesis import given, settings
from hypothesis import strategies as st

from verl_reflect.reward import compute_score
from verl_reflect.tasks.calls.call_text import hermes
from verl_reflect.tasks.calls.same_value import same_value
from verl_reflect.tasks.calls.xlam import json_type
from verl_reflect.tasks.function_calling import FunctionCalling
from verl_reflect.tasks.registry import task_for
from verl_reflect.tasks.wording import REFLECT_ON_CALLS

TASK = FunctionCalling()
WEATHER = {
    "name": "get_weather",
    "arguments": {"city": "Zürich", "days": 3, "units": {"wind": "km/h", "levels": [1, 2]}},
}
TIME = {"name": "get_time", "arguments": {"city": "Zürich"}}
TRUTH = {"answers": [WEATHER, TIME, TIME]}


def verdict(*calls: dict[str, object], truth: object = TRUTH) -> tuple[float, str, str]:
    scored = compute_score("function_calling", json.dumps(calls), truth)
    return scored["score"], scored["category"], scored["detail"]  # type: ignore[return-value]


def with_arguments(call: dict[str, object], **arguments: object) -> dict[str, object]:
    return {"name": call["name"], "arguments": {**call["arguments"], **arguments}}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "calls",
    [
        (WEATHER, TIME, TIME),
        (TIME, WEATHER, TIME),
        (with_arguments(WEATHER, days=3.0), TIME, TIME),
        (with_arguments(WEATHER, city="Zu\u0308rich"), TIME, TIME),
        (with_arguments(WEATHER, units={"levels": [1.0, 2], "wind": "km/h"}), TIME, TIME),
    ],
)
def test_the_same_calls_pass_in_any_order(calls: tuple[dict[str, object], ...]) -> None:
    assert verdict(*calls) == (1.0, "none", "")


@pytest.mark.parametrize(
    ("calls", "category", "detail"),
    [
        ((WEATHER, TIME), "tool", "missing: get_time"),
        ((), "tool", "missing: get_weather"),
        ((WEATHER, TIME, TIME, TIME), "tool", "not wanted: get_time"),
        ((WEATHER, WEATHER, TIME), "tool", "not wanted: get_weather"),
        ((WEATHER, TIME, {**TIME, "name": "Get_time"}), "tool", "not wanted: Get_time"),
        ((with_arguments(WEATHER, days=4), TIME, TIME), "parameters", "days"),
        ((with_arguments(WEATHER, days="3"), TIME, TIME), "parameters", "days"),
        ((with_arguments(WEATHER, days=None), TIME, TIME), "parameters", "days"),
        ((with_arguments(WEATHER, city="zürich"), TIME, TIME), "parameters", "city"),
        ((with_arguments(WEATHER, city="Zürich "), TIME, TIME), "parameters", "city"),
        ((with_arguments(WEATHER, hours=1), TIME, TIME), "parameters", "hours"),
        ((with_arguments(WEATHER, units={"wind": "km/h", "levels": [2, 1]}), TIME, TIME), "parameters", "units"),
        ((with_arguments(WEATHER, units={"wind": "km/h"}), TIME, TIME), "parameters", "units"),
        (({**WEATHER, "arguments": {"city": "Zürich"}}, TIME, TIME), "parameters", "days"),
        ((WEATHER, TIME, with_arguments(TIME, city="Bern")), "parameters", "city"),
    ],
)
def test_other_calls_fail_with_their_category_and_what_is_wrong(
    calls: tuple[dict[str, object], ...], category: str, detail: str
) -> None:
    assert verdict(*calls) == (0.0, category, detail)


@pytest.mark.parametrize(
    ("response", "detail"),
    [
        ("", "no call"),
        ("I have called get_time.", "no call"),
        ("<tool_call>{", "<tool_call> without </tool_call>"),
        ('<tool_call>{"name": "f", "arguments": {"a": 1, "a": 1}}</tool_call>', "a key stands twice in one object"),
        ('[{"name": "f", "arguments": {"a": NaN}}]', "NaN is not JSON"),
        ("[get_time(city='Zürich'", "cut off"),
        ("[get_time(city=Zürich)]", "a variable has no value"),
    ],
)
def test_a_response_without_calls_is_an_error_of_format(response: str, detail: str) -> None:
    found = TASK.judge(response, TRUTH)
    assert (found.score, found.category, found.detail) == (0.0, "format", detail)


def test_one_broken_call_spoils_the_right_ones() -> None:
    response = hermes([(call["name"], call["arguments"]) for call in TRUTH["answers"]])
    assert TASK.judge(response, TRUTH).score == 1.0
    assert TASK.judge(f"{response}<tool_call>oops!</tool_call>", TRUTH).category == "format"


def test_a_detail_is_short_and_can_be_written_to_a_file() -> None:
    _, category, detail = verdict(WEATHER, TIME, {**TIME, "name": "\ud800" * 1000})
    assert category == "tool"
    assert len(detail.encode()) < 1000


def test_without_gold_calls_only_a_response_without_a_call_passes() -> None:
    none = {"answers": []}
    assert verdict(truth=none)[0] == TASK.judge("There is no such function.", none).score == 1.0
    assert verdict(TIME, truth=none) == (0.0, "tool", "not wanted: get_time")
    assert TASK.judge("<tool_call>oops!</tool_call>", none).category == "format"


NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(NUMBERS, NUMBERS)
def test_numbers_are_the_same_if_they_are_worth_the_same(left: float, right: float) -> None:
    assert same_value(left, right) == same_value(right, left) == (Fraction(left) == Fraction(right))
    assert same_value(left, Fraction(left).numerator) == (Fraction(left).denominator == 1)


@given(NUMBERS)
def test_a_number_is_neither_its_text_nor_a_truth_value_nor_a_list(number: float) -> None:
    others = (str(number), bool(number), [number], {"a": number}, None)
    assert not any(same_value(number, other) or same_value(other, number) for other in others)


@settings(max_examples=200, deadline=None)
@given(VALUES, VALUES)
def test_sameness_is_an_equality(left: object, right: object) -> None:
    assert same_value(left, left)
    assert same_value(left, json.loads(json.dumps(left)))
    assert same_value(left, right) == same_value(right, left)
    assert same_value([left, {"a": right}], [right, {"a": left}]) == same_value(left, right)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=())) | st.binary().map(lambda b: b.decode("utf-8", "surrogateescape")))
def test_any_text_is_judged(text: str) -> None:
    for response in (text, f"<tool_call>{text}</tool_call>", f"[TOOL_CALLS]{text}", f"```{text}```", f"[{{{text}"):
        found = TASK.judge(response, TRUTH)
        assert found.category in ("format", "tool", "parameters")
        assert found.score == 0.0


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_fails_within_five_milliseconds(name: str) -> None:
    truth = {"answers": [{"name": "f", "arguments": {"a": "é" * 999}}]}
    assert judged_in_time(TASK, HOSTILE[name], truth).score == 0.0


@pytest.mark.parametrize(
    ("truth", "fault"),
    [
        (None, "has the keys answers"),
        ("{}", "has the keys answers"),
        ("[]", "has the keys answers"),
        ("get_time()", "must be JSON"),
        ("[" * 100_000, "must be JSON"),
        ({"answers": None}, "'answers' must be a list"),
        ({"answers": {"name": "f", "arguments": {}}}, "'answers' must be a list"),
        ({"answers": [{"name": "f"}]}, "a name and arguments"),
        ({"answers": [{"name": 1, "arguments": {}}]}, "a name and arguments"),
        ({"answers": [{"name": "f", "arguments": "{}"}]}, "a name and arguments"),
        ({"answers": [{"name": "f", "arguments": {"a": float("nan")}}]}, "what JSON can hold"),
        ('{"answers": [{"name": "f", "arguments": {"a": [Infinity]}}]}', "what JSON can hold"),
        ({"answers": [{"name": "f", "arguments": {"a": {1: 2}}}]}, "what JSON can hold"),
        ({"answers": [{"name": "f", "arguments": {"a": (1, 2)}}]}, "what JSON can hold"),
    ],
)
def test_a_malformed_ground_truth_is_an_error_of_the_data(truth: object, fault: str) -> None:
    with pytest.raises(ValueError, match=re.escape(fault)):
        TASK.judge(hermes([("f", {})]), truth)


# Records of the xLAM schema.

TOOLS = [
    {
        "name": "live_giveaways_by_type",
        "description": "Retrieve live giveaways from the GamerPower API based on the specified type.",
        "parameters": {
            "type": {"description": "The type of giveaways to retrieve.", "type": "str", "default": "game"},
            "limit": {"description": "How many.", "type": "int, optional"},
            "ids": {"description": "Which.", "type": "List[int]"},
        },
    }
]
ANSWERS = [{"name": "live_giveaways_by_type", "arguments": {"type": kind, "ids": [1]}} for kind in ("beta", "game")]
RECORD = {"id": 0, "query": "Where?", "tools": json.dumps(TOOLS), "answers": json.dumps(ANSWERS)}


def test_reads_a_record_of_the_public_data_set() -> None:
    item = TASK.item(RECORD)
    assert item.messages == [{"role": "user", "content": "Where?"}]
    assert item.ground_truth == json.dumps({"answers": ANSWERS})
    assert item.tools == [
        {
            "type": "function",
            "function": {
                "name": "live_giveaways_by_type",
                "description": "Retrieve live giveaways from the GamerPower API based on the specified type.",
                "parameters": {
                    "type": "object",
                    "properties": {
                        "type": {
                            "type": "string",
                            "description": "The type of giveaways to retrieve.",
                            "default": "game",
                        },
                        "limit": {"type": "integer", "description": "How many."},
                        "ids": {"type": "array", "items": {"type": "integer"}, "description": "Which."},
                    },
                    "required": ["ids"],
                },
            },
        }
    ]
    assert TASK.judge(item.gold, item.ground_truth).score == 1.0
    assert TASK.row(item, "train", 3)["data_source"] == "function_calling"


@pytest.mark.parametrize("answers", [ANSWERS, ANSWERS[:1], []])
def test_the_verifier_accepts_gold_responses_and_rejects_corrupted_ones(answers: list[object]) -> None:
    item = TASK.item({**RECORD, "answers": json.dumps(answers)})
    corrupted = list(TASK.corruptions(item))
    assert corrupted and item.gold not in corrupted
    assert list(TASK.validate([item])) == []


@settings(max_examples=100, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "type"]), VALUES), max_size=3))
def test_every_gold_response_passes_and_every_corrupted_one_fails(calls: list[dict[str, object]]) -> None:
    tools = [{"name": "f", "parameters": {name: {"type": "Any"} for name in ("a", "b", "type")}}]
    answers = [{"name": "f", "arguments": arguments} for arguments in calls]
    assert list(TASK.validate([TASK.item({"query": "?", "tools": tools, "answers": answers})])) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"query": None}, "'query' must be a question"),
        ({"query": " "}, "'query' must be a question"),
        ({"tools": "[{"}, "'tools' must be JSON"),
        ({"tools": "{}"}, "'tools' must be a list"),
        ({"tools": [{"name": "f"}]}, "a name and parameters"),
        ({"tools": [{"name": "f", "parameters": {"a": {}}}]}, "a parameter 'a' without a type"),
        ({"answers": "nothing"}, "'answers' must be JSON"),
        ({"answers": [{"name": "f"}]}, "a name and arguments"),
        ({"answers": [{"name": "f", "arguments": {}}]}, "'answers' calls 'f', which is not among the tools live_"),
        ({"answers": [{"name": TOOLS[0]["name"], "arguments": {"x": 1}}]}, "a 'x', which the tool does not have"),
    ],
)
def test_a_malformed_record_is_refused_by_its_fault(change: dict[str, object], fault: str) -> None:
    with pytest.raises(ValueError, match=re.escape(fault)):
        TASK.item({**RECORD, **change})


@pytest.mark.parametrize("record", [None, [], {"query": "?", "tools": "[]"}])
def test_a_record_without_the_columns_is_refused(record: object) -> None:
    with pytest.raises(ValueError, match="the columns query, tools, answers"):
        TASK.item(record)


@pytest.mark.parametrize(
    ("spelled", "schema"),
    [
        ("str", {"type": "string"}),
        ("int, optional", {"type": "integer"}),
        ("Optional[float]", {"type": "number"}),
        ("bool", {"type": "boolean"}),
        ("Dict", {"type": "object"}),
        ("Dict[str, List[int]], optional", {"type": "object"}),
        ("list", {"type": "array"}),
        ("List", {"type": "array"}),
        ("List[str]", {"type": "array", "items": {"type": "string"}}),
        ("List[List[int]]", {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}),
        ("Tuple[float, float]", {"type": "array", "items": {"type": "number"}}),
        ("Tuple[int, ...]", {"type": "array", "items": {"type": "integer"}}),
        ("Tuple[str, int]", {"type": "array"}),
        ("List[Dict[str, int]]", {"type": "array", "items": {"type": "object"}}),
        ("List[Union[int, float]]", {"type": "array"}),
        ("Union[int, str]", {}),
        ("Callable[[float], float]", {}),
        ("", {}),
    ],
)
def test_types_become_those_of_json_schema(spelled: str, schema: dict[str, object]) -> None:
    assert json_type(spelled) == schema


def test_nested_columns_of_parquet_lose_the_fields_of_other_rows(tmp_path: Path) -> None:
    rows = [
        {
            "query": "Where?",
            "tools": [
                {"name": "find", "description": "?", "parameters": {"town": {"type": "str"}, "near": {"type": "bool"}}},
                {"name": "ask", "description": "?", "parameters": {"units": {"type": "dict", "default": "{}"}}},
            ],
            "answers": [
                {"name": "find", "arguments": {"town": "Bern"}},
                {"name": "ask", "arguments": {"units": {"wind": "km/h"}}},
            ],
        },
        {
            "query": "When?",
            "tools": [{"name": "ask", "description": "?", "parameters": {"units": {"type": "dict"}}}],
            "answers": [{"name": "ask", "arguments": {"units": {"rain": "mm"}}}],
        },
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    read = pq.read_table(tmp_path / "rows.parquet").to_pylist()
    assert read != rows
    items = [TASK.item(record) for record in read]
    assert [json.loads(item.ground_truth)["answers"] for item in items] == [row["answers"] for row in rows]
    assert [tool["function"]["parameters"]["required"] for tool in items[0].tools] == [["town", "near"], []]
    assert items[1].tools[0]["function"]["parameters"]["properties"].keys() == {"units"}
    assert list(TASK.validate(items)) == []


def test_null_in_json_text_is_a_value() -> None:
    answers = [{"name": TOOLS[0]["name"], "arguments": {"type": None, "ids": [None]}}]
    item = TASK.item({**RECORD, "answers": json.dumps(answers)})
    assert json.loads(item.ground_truth) == {"answers": answers}
    assert list(TASK.validate([item])) == []


@pytest.mark.parametrize(
    "word",
    [
        "</tool_call>",
        "<tool_call>",
        "[TOOL_CALLS]",
        "<think>",
        "</think>",
        "[/THINK]",
        "[think]",
        "◁/think▷",
        "<|channel>thought",
        "```",
        "<|im_end|>",
    ],
)
def test_an_argument_may_hold_any_mark(word: str) -> None:
    answers = [{"name": TOOLS[0]["name"], "arguments": {"type": f"a {word} b {word}", "ids": [True, False]}}]
    item = TASK.item({**RECORD, "answers": json.dumps(answers, ensure_ascii=False)})
    assert list(TASK.validate([item])) == []


def test_the_task_is_found_and_asks_for_reflection_in_the_papers_words() -> None:
    task = task_for("function_calling/held_out")
    assert isinstance(task, FunctionCalling)
    assert task.reflection_prompt == REFLECT_ON_CALLS
    assert "failed in generating the correct tool call" in task.reflection_prompt


def test_the_configuration_makes_room_for_tools() -> None:
    config = compose_config("+recipe=reflect_grpo", "+task=function_calling")
    assert config.data.train_files == "data/function_calling/train.parquet"
    assert config.actor_rollout_ref.rollout.max_model_len > 2 * config.data.max_prompt_length == 4096
