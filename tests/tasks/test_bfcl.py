"""The Berkeley leaderboard's verdicts: its rules on a few of its rows, and agreement with its own checker on all.

The agreement needs the unpacked package `bfcl-eval` (benchmarks/bfcl_checker.py says how), named by BFCL_EVAL.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from builders import ROOT
from hostile_calls import HOSTILE, judged_in_time
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from verl_reflect.cli.app import app
from verl_reflect.data.bfcl import bfcl_records, data_folder
from verl_reflect.reward import compute_score
from verl_reflect.tasks.base import Item
from verl_reflect.tasks.bfcl import SUBSETS, Bfcl
from verl_reflect.tasks.calls.bfcl_rules import Parameter
from verl_reflect.tasks.calls.bfcl_schema import openai_tool
from verl_reflect.tasks.registry import task_for

ROWS = ROOT / "tests/helpers/bfcl_rows"
PACKAGE = os.environ.get("BFCL_EVAL", "")
TASK = Bfcl()
ITEMS: dict[str, Item] = {record["id"]: TASK.item(record) for record in bfcl_records(ROWS)}


def verdict(row: str, response: str) -> tuple[float, str, str]:
    found = TASK.judge(response, ITEMS[row].ground_truth)
    return found.score, found.category, found.detail


def test_the_rows_have_every_category() -> None:
    assert list(dict.fromkeys(item.facts["category"] for item in ITEMS.values())) == list(SUBSETS)


@pytest.mark.parametrize("row", ITEMS)
def test_the_verifier_accepts_the_gold_response_and_rejects_corrupted_ones(row: str) -> None:
    assert ITEMS[row].gold
    assert list(TASK.corruptions(ITEMS[row]))
    assert list(TASK.validate([ITEMS[row]])) == []


@pytest.mark.parametrize(
    ("row", "response"),
    [
        ("simple_python_0", "[calculate_triangle_area(base=10, height=5)]"),
        ("simple_python_0", "calculate_triangle_area(height=5, base=10, unit='Units.')"),
        ("simple_python_0", "```python\n[calculate_triangle_area(base=10, height=5, unit='')]\n```"),
        ("simple_python_0", '{"name": "calculate_triangle_area", "parameters": {"base": 10, "height": 5}}'),
        (
            "simple_python_83",
            "calculate_distance(coord1=(33.4484, -112.074), coord2=[34.0522, -118.2437], unit='MILES')",
        ),
        (
            "simple_python_96",
            "database.query(table='user', conditions=[{'field': 'age', 'operation': '>', 'value': '25'}, "
            "{'value': 'Engineer', 'operation': '=', 'field': 'job'}])",
        ),
        (
            "parallel_1",
            "[calculate_em_force(b_field=5, area=2, d_time=10), calculate_em_force(b_field=5, area=2, d_time=4)]",
        ),
        ("parallel_multiple_1", "[area_circle.calculate(radius=5), area_rectangle.calculate(length=7, breadth=3.0)]"),
        ("live_simple_247-129-0", "[version_api.VersionApi.get_version()]"),
        ("irrelevance_0", "I need the sides of the triangle for that."),
        ("irrelevance_0", "[]"),
        ("irrelevance_0", ""),
    ],
)
def test_what_the_leaderboard_accepts_passes(row: str, response: str) -> None:
    assert verdict(row, response) == (1.0, "none", "")


@pytest.mark.parametrize(
    ("row", "response", "category", "detail"),
    [
        ("simple_python_0", "[]", "tool", "missing: calculate_triangle_area"),
        ("simple_python_0", "calculate_area(base=10, height=5)", "tool", "not wanted: calculate_area"),
        ("simple_python_0", "calculate_triangle_area(base=10)", "parameters", "height"),
        ("simple_python_0", "calculate_triangle_area(base=10, height=6)", "parameters", "height"),
        ("simple_python_0", "calculate_triangle_area(base=10.0, height=5)", "parameters", "base"),
        ("simple_python_0", "calculate_triangle_area(base='10', height=5)", "parameters", "base"),
        ("simple_python_0", "calculate_triangle_area(base=10, height=5, unit='cm')", "parameters", "unit"),
        ("simple_python_0", "calculate_triangle_area(base=10, height=5, angle=1)", "parameters", "angle"),
        (
            "simple_python_0",
            "calculate_triangle_area(10, 5)",
            "format",
            "an argument without a name, or with another one's",
        ),
        ("simple_python_0", "The area is 25.", "format", "no call"),
        ("simple_python_83", "calculate_distance(coord1=(1, 2), coord2=(3, 4), unit='miles')", "parameters", "coord1"),
        ("simple_python_96", "database.query(table='user', conditions=[])", "parameters", "conditions"),
        ("simple_python_96", "database_query(table='user', conditions=[])", "tool", "not wanted: database_query"),
        ("parallel_1", "[calculate_em_force(b_field=5, area=2, d_time=4)]", "tool", "missing: calculate_em_force"),
        (
            "irrelevance_0",
            "determine_body_mass_index(weight=1.0, height=2.0)",
            "tool",
            "not wanted: determine_body_mass_index",
        ),
        ("irrelevance_0", "<tool_call>{</tool_call>", "format", "not valid JSON"),
    ],
)
def test_what_the_leaderboard_rejects_fails_with_its_category(
    row: str, response: str, category: str, detail: str
) -> None:
    assert verdict(row, response) == (0.0, category, detail)


def parameter(kind: str, accepted: list[Any], items: str = "string") -> Parameter:
    return Parameter.from_data({"type": kind, "items": {"type": items}}, accepted)


@pytest.mark.parametrize(
    ("rule", "right", "wrong"),
    [
        (
            parameter("string", ["New York, NY"]),
            ["new york ny", "NEW-YORK_NY."],
            ["New York", 1, None, ["New York, NY"]],
        ),
        (parameter("string", ["it's"]), ['it"s'], ["its"]),
        (parameter("string", ["a", ""]), ["A", "", "-"], ["b"]),
        (parameter("string", [None]), [None], ["", "None"]),
        (parameter("string", ["a", None]), ["a"], [None]),
        (parameter("string", [True, "a"]), [True, "a"], ["A", False, 1]),
        (parameter("integer", [5]), [5], [5.0, "5", True, 6]),
        (parameter("integer", [1]), [1], [True]),
        (parameter("integer", ["dontcare", 2]), ["dontcare", 2], ["Dontcare", 3]),
        (parameter("float", [5.0]), [5, 5.0], ["5.0", True, 5.5, 10**400]),
        (parameter("boolean", [True]), [True], [False, 1, "True", "true"]),
        (parameter("any", ["x"]), ["X"], [1]),
        (parameter("array", [["A b", "c"]]), [["ab", "C"]], [["c", "ab"], ["ab"], ["ab", 1], ("ab", "c"), "ab", []]),
        (parameter("array", [["a"], ""]), [["a"], []], [["b"], ["a", "a"]]),
        (parameter("array", [[1.5, 2.0]], "float"), [[1.5, 2.0]], [[1.5, 2], [1.5]]),
        (parameter("array", [[1, 2]], "float"), [[1, 2], [1.0, 2.0]], [[2, 1]]),
        (parameter("array", ["data['x']"], "float"), ["data['x']"], ["data", [1.0]]),
        (parameter("array", [[[1, 2]]], "array"), [[[1, 2]], [[1.0, 2]]], [[[2, 1]], [1, 2]]),
        (parameter("tuple", [[1.0, 2.0]], "float"), [(1.0, 2.0), [1.0, 2.0]], [(1.0,), 1.0]),
        (
            parameter("dict", [{"a": ["X y", "z"], "b": [1, ""]}]),
            [{"a": "xy"}, {"a": "Z", "b": 1}],
            [{}, {"b": 1}, {"a": "q"}, {"a": "z", "b": 2}, {"a": "z", "c": 1}, [{"a": "z"}], "z"],
        ),
        (parameter("dict", [{"a": [[1, 2]]}, {"a": [3]}]), [{"a": [1, 2]}, {"a": 3}], [{"a": [3]}, {"a": 1}]),
        (
            parameter("array", [[{"a": ["x"]}, {"a": ["y"]}]], "dict"),
            [[{"a": "x"}, {"a": "Y"}]],
            [[{"a": "y"}, {"a": "x"}], [{"a": "x"}], [], ["x", "y"], [{"a": "x"}, {}]],
        ),
        (parameter("array", [[], ""], "dict"), [[]], [[{}], ["x"]]),
        (parameter("integer", []), [], [0, None, ""]),
    ],
)
def test_the_rules_for_a_parameter(rule: Parameter, right: list[Any], wrong: list[Any]) -> None:
    assert [value for value in right if not rule.admits(value)] == []
    assert [value for value in wrong if rule.admits(value)] == []


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=())) | st.sampled_from(list(HOSTILE.values())).map(lambda t: t[:500]))
def test_any_text_is_judged(text: str) -> None:
    for response in (text, f"[calculate_triangle_area({text})]", f"f(a={text})", f"<tool_call>{text}"):
        for item in (ITEMS["simple_python_0"], ITEMS["irrelevance_0"]):
            found = TASK.judge(response, item.ground_truth)
            assert found.category in TASK.categories
            assert (found.score == 1.0) == (found.category == "none")


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("row", ["simple_python_0", "live_parallel_0-0-0", "irrelevance_0"])
def test_hostile_text_is_judged_within_five_milliseconds(name: str, row: str) -> None:
    found = judged_in_time(TASK, HOSTILE[name], ITEMS[row].ground_truth)
    assert row == "irrelevance_0" or found.score == 0.0


def truth_with(**changes: object) -> dict[str, Any]:
    function = {"name": "f", "parameters": {"properties": {"a": {"type": "integer"}}, "required": ["a"]}}
    return {"category": "simple", "functions": [function], "possible_answer": [{"f": {"a": [1]}}], **changes}


def test_a_ground_truth_may_be_a_mapping_or_json() -> None:
    for truth in (truth_with(), json.dumps(truth_with())):
        assert compute_score("bfcl/live_simple", "f(a=1)", truth) == {"score": 1.0, "category": "none", "detail": ""}


@pytest.mark.parametrize(
    ("truth", "fault"),
    [
        (None, "has the keys category, functions, possible_answer"),
        ("x", "must be JSON"),
        (truth_with(category="java"), "'category' must be one of"),
        (truth_with(possible_answer=[]), "must be empty for irrelevance"),
        (truth_with(category="irrelevance"), "must be empty for irrelevance"),
        (truth_with(possible_answer=[{"g": {}}]), "malformed ground truth (KeyError"),
        (truth_with(possible_answer=[{"f": {"a": 1}}]), "malformed ground truth (TypeError"),
        (truth_with(possible_answer=[{"f": {}, "g": {}}]), "malformed ground truth (ValueError"),
        (truth_with(possible_answer=[["f"]]), "malformed ground truth (AttributeError"),
        (truth_with(functions=None), "malformed ground truth (TypeError"),
        (truth_with(functions=[{"name": "f", "parameters": {"properties": {}}}]), "malformed ground truth (KeyError"),
    ],
)
def test_a_malformed_ground_truth_is_an_error_of_the_data(truth: object, fault: str) -> None:
    with pytest.raises(ValueError, match=re.escape(fault)):
        TASK.judge("f(a=1)", truth)


def test_objects_in_a_ground_truth_are_checked() -> None:
    function = {"name": "f", "parameters": {"properties": {"a": {"type": "dict"}}, "required": []}}
    with pytest.raises(ValueError, match="malformed ground truth"):
        TASK.judge("f()", truth_with(functions=[function], possible_answer=[{"f": {"a": [{"b": 1}]}}]))


def test_a_row_whose_answers_none_can_meet_has_no_gold_response() -> None:
    record = next(bfcl_records(ROWS))
    [answers] = record["ground_truth"]
    unmeetable = {**record, "ground_truth": [{name: {**values, "undeclared": [1]} for name, values in answers.items()}]}
    assert TASK.item(unmeetable).gold == ""


def test_a_record_without_the_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="the columns category, question, function, ground_truth"):
        TASK.item({"question": []})


def test_functions_become_tools_of_the_openai_schema() -> None:
    properties = {
        "type": {"type": "dict", "properties": {"x": {"type": "float"}}},
        "items": {"type": "tuple", "items": {"type": "any", "description": "?"}},
    }
    function = {"name": "a.b", "parameters": {"type": "dict", "properties": properties, "required": ["items"]}}
    assert openai_tool(function)["function"] == {
        "name": "a.b",
        "parameters": {
            "type": "object",
            "properties": {
                "type": {"type": "object", "properties": {"x": {"type": "number"}}},
                "items": {"type": "array", "items": {"description": "?"}},
            },
            "required": ["items"],
        },
    }


def test_the_command_writes_the_rows_in_verls_schema(tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["data", "bfcl", "--out", str(tmp_path), "--source", str(ROWS)])
    assert ran.exit_code == 0, ran.output
    rows = pq.read_table(tmp_path / "test.parquet").to_pylist()
    assert [json.loads(row["extra_info"]["facts"])["id"] for row in rows] == list(ITEMS)
    assert rows[0]["data_source"] == "bfcl/simple_python"
    assert isinstance(task_for(rows[0]["data_source"]), Bfcl)
    for row in rows:
        scored = compute_score(row["data_source"], row["extra_info"]["gold"], row["reward_model"]["ground_truth"])
        assert scored["score"] == 1.0
    card = json.loads((tmp_path / "test.card.json").read_text())
    assert (card["rows"], card["licence"]) == (12, "Apache-2.0")


def test_a_source_without_the_data_is_refused(tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["data", "bfcl", "--out", str(tmp_path), "--source", "json"])
    assert ran.exit_code == 2
    for source in (str(tmp_path), "json", "no_such_package"):
        with pytest.raises(ValueError, match=r"neither a folder with BFCL_v4_simple_python\.json nor"):
            data_folder(source)


def test_a_question_without_an_answer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "possible_answer").mkdir()
    (tmp_path / "BFCL_v4_simple_python.json").write_text('{"id": "1"}\n')
    (tmp_path / "possible_answer" / "BFCL_v4_simple_python.json").write_text('{"id": "2"}\n')
    with pytest.raises(ValueError, match="1 has no accepted answer"):
        list(bfcl_records(tmp_path))


@pytest.mark.skipif(not PACKAGE, reason="BFCL_EVAL does not name a folder with the package bfcl-eval")
def test_agrees_with_the_leaderboards_checker_on_every_row() -> None:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from agree_bfcl import compare
    from bfcl_checker import Checker

    tally = compare(list(bfcl_records(data_folder(PACKAGE))), Checker(Path(PACKAGE)))
    assert tally.disagreements == []
    golds = [counts for (_, group), counts in tally.counts.items() if group == "JSON, gold"]
    assert sum(counts["judged"] for counts in golds) == 2351
    assert sum(counts["both accept"] for counts in golds) >= 2346
