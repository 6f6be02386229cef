"""Data that cannot be trained on are refused by file, column and row; what passes can be asked, odd as it may be."""

import asyncio
import json
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from builders import HINT, RIGHT, SAMPLING, episode_of
from data_rows import data_row, without, write_rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig
from tensordict import NonTensorData, NonTensorStack
from verl.utils import tensordict_utils
from verl.utils.dataset.rl_dataset import RLHFDataset, collate_fn

from verl_reflect.checks.data import check_data, rows_of
from verl_reflect.checks.prompts import check_prompts
from verl_reflect.checks.run import Run, UnfitError
from verl_reflect.demo.data import CHECKPOINT
from verl_reflect.finding import Doubt

TASK = {"role": "user", "content": "Make 29 from 3 5 8 ."}
IDS = {"first_attempt": "3 + 5", "first_attempt_ids": [1, 2]}


@pytest.fixture
def run_on(recipe_config: Callable[..., DictConfig]) -> Callable[..., Run]:
    """The recipe on the tiny model, with these files for training and validation."""

    def made(train: str, *overrides: str, val: str | None = None) -> Run:
        config = recipe_config(f"actor_rollout_ref.model.path={CHECKPOINT}", *overrides)
        config.data.train_files, config.data.val_files = train, val or train
        return Run(config)

    return made


def refusal(run: Run, check: Callable[[Run], str] = check_data) -> str:
    with pytest.raises(UnfitError) as refused:
        check(run)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"prompt": None}, "has no prompt"),
        ({"data_source": None}, "has no data_source"),
        ({"data_source": "chess"}, "cannot be judged: There is no task for data_source 'chess'"),
        ({"reward_model": None}, "has no reward_model.ground_truth"),
        ({"first_attempt": None}, "has no first_attempt; leave the row out, or set reflect.first_attempt=live"),
    ],
)
def test_a_bad_row_is_found_wherever_it_is(
    run_on: Callable[..., Run], tmp_path: Path, changes: dict[str, Any], fault: str
) -> None:
    rows = [data_row() for _ in range(2_000)]
    rows[1_700] |= changes
    path = write_rows(tmp_path / "rows.parquet", rows)
    assert refusal(run_on(path)).startswith(f"data.train_files: row 1700 of {path} {fault}")


def test_a_bad_row_is_counted_over_the_pieces_of_its_file(run_on: Callable[..., Run], tmp_path: Path) -> None:
    table = pa.Table.from_pylist([*[data_row()] * 500, data_row(data_source=None)])
    parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=7)
    assert f"row 500 of {tmp_path}/rows.parquet has no data_source" in refusal(run_on(f"{tmp_path}/rows.parquet"))


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([without("data_source")], "has no column data_source; add it."),
        ([without("prompt")], "has no column prompt; add it."),
        ([data_row(output="x")], "has the column output, a name that verl's agent loop uses itself; rename it."),
        ([data_row(session_id=1)], "has the column session_id, a name"),
    ],
)
def test_columns_are_named(
    run_on: Callable[..., Run], tmp_path: Path, rows: list[dict[str, Any]], sentence: str
) -> None:
    path = write_rows(tmp_path / "rows.parquet", rows)
    assert refusal(run_on(path)).startswith(f"data.train_files: {path} {sentence}")


def test_a_type_that_verl_cannot_read_is_named(run_on: Callable[..., Run], tmp_path: Path) -> None:
    table = pa.Table.from_pylist([data_row()])
    facts = pa.array([[("a", "b")]], pa.map_(pa.string(), pa.string()))
    parquet.write_table(table.append_column("facts", facts), tmp_path / "rows.parquet")
    assert "has the column facts of map<string, string" in refusal(run_on(f"{tmp_path}/rows.parquet"))


@pytest.mark.parametrize("key", ["data.train_files", "data.val_files"])
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("folder.parquet", "is a folder; name its files, such as"),
        ("rows.csv", "verl reads files that end in .parquet, .json, .jsonl, which"),
        ("no*.parquet", "there is no file that"),
        ("nowhere.parquet", "there is no file"),
        ("zero.parquet", "has no rows"),
        ("zero.jsonl", "has no rows"),
        ("text.parquet", "cannot be read as parquet (ArrowInvalid: "),
        ("cut.parquet", "cannot be read as parquet (ArrowInvalid: "),
        ("bad.jsonl", "cannot be read as JSON ("),
    ],
)
def test_files_that_verl_cannot_read_are_named(
    run_on: Callable[..., Run], tmp_path: Path, key: str, name: str, sentence: str
) -> None:
    good = write_rows(tmp_path / "good.parquet", [data_row()])
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "cut.parquet").write_bytes(Path(good).read_bytes()[:-20])
    for empty in ("zero.parquet", "zero.jsonl", "rows.csv"):
        (tmp_path / empty).touch()
    for other in ("text.parquet", "bad.jsonl"):
        (tmp_path / other).write_text('{"prompt": [\n')
    path = str(tmp_path / name)
    said = refusal(run_on(path, val=good) if key == "data.train_files" else run_on(good, val=path))
    assert said.startswith(f"{key}: ") and sentence in said and path in said


def test_bytes_that_rot_are_a_refusal(run_on: Callable[..., Run], tmp_path: Path) -> None:
    whole = bytearray(Path(write_rows(tmp_path / "good.parquet", [data_row()] * 50)).read_bytes())
    path = tmp_path / "rotten.parquet"
    for place in range(4, len(whole), 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            check_data(run_on(str(path), val=f"{tmp_path}/good.parquet"))
        except UnfitError as refused:
            assert str(path) in str(refused)


def test_an_empty_row_group_in_front_is_refused_as_verl_would_stop_there(
    run_on: Callable[..., Run], tmp_path: Path
) -> None:
    table = pa.Table.from_pylist([data_row()])
    with parquet.ParquetWriter(tmp_path / "rows.parquet", table.schema) as writer:
        writer.write_table(table.slice(0, 0))
        writer.write_table(table)
    assert "rows.parquet begins with an empty row group" in refusal(run_on(f"{tmp_path}/rows.parquet"))


def test_verl_does_not_know_a_tilde(run_on: Callable[..., Run]) -> None:
    assert "verl does not know what ~/rows.parquet begins with" in refusal(run_on("~/rows.parquet"))


def test_files_of_a_key_must_go_together(run_on: Callable[..., Run], tmp_path: Path) -> None:
    write_rows(tmp_path / "a.parquet", [data_row(extra_info={"index": 1})])
    write_rows(tmp_path / "b.parquet", [data_row(extra_info={"index": "one"})])
    write_rows(tmp_path / "c.parquet", [data_row(extra_info=None, more="x")])
    names = [f"{tmp_path}/{name}.parquet" for name in "abc"]
    run = run_on(f"{tmp_path}/a.parquet")
    run.config.data.train_files = names
    said = refusal(run)
    assert said.startswith(f"data.train_files: the column extra_info of {names[1]} is ") and names[0] in said
    run.config.data.train_files = [names[0], names[2]]
    assert "c.parquet (1 rows)" in check_data(run)
    assert rows_of(run.files()) == 3
    assert rows_of([("data.train_files", "hdfs://far/away.parquet")]) is None


def test_a_pattern_stands_for_its_files(run_on: Callable[..., Run], tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_rows(tmp_path / f"{name}.parquet", [data_row()])
    run = run_on(f"{tmp_path}/*.parquet")
    assert check_data(run).startswith("a.parquet (1 rows), b.parquet (1 rows)") and rows_of(run.files()) == 4


def test_the_same_rows_for_training_and_validation_are_refused_where_rows_are_chosen(
    run_on: Callable[..., Run], tmp_path: Path
) -> None:
    path = write_rows(tmp_path / "rows.parquet", [data_row()])
    edge = ("reflect.sampler=edge",)
    assert refusal(run_on(path, *edge)).startswith(f"data.val_files are data.train_files ({path}), and reflect.sampler")
    copy = shutil.copy(path, tmp_path / "copy.parquet")
    assert check_data(run_on(path, *edge, val=str(copy)))


def test_a_live_training_needs_no_attempts_and_a_validation_takes_those_that_pass(
    run_on: Callable[..., Run], tmp_path: Path
) -> None:
    live = write_rows(tmp_path / "live.parquet", [data_row(first_attempt=None)])
    solved = write_rows(tmp_path / "solved.parquet", [data_row(first_attempt="<answer> 3 * 8 + 5 </answer>")])
    assert check_data(run_on(live, "reflect.first_attempt=live", val=solved))
    assert "has no first_attempt" in refusal(run_on(live, val=solved))


def test_what_is_doubtful_is_a_warning_with_its_row(run_on: Callable[..., Run], tmp_path: Path) -> None:
    rows = [data_row(), data_row(prompt=[TASK, {"role": "assistant", "content": "Well"}])]
    path = write_rows(tmp_path / "rows.parquet", rows)
    said = check_data(run_on(path))
    assert isinstance(said, Doubt) and f"row 1 of {path} has a prompt that ends with the assistant's message" in said


def refusing(condition: str, word: str) -> str:
    """The tiny model's template, which raises an error for some messages."""
    guard = f"{{% for m in messages if {condition} %}}{{{{ raise_exception('{word}') }}}}{{% endfor %}}"
    return guard + (CHECKPOINT / "chat_template.jinja").read_text(encoding="utf-8")


def test_a_prompt_that_the_template_cannot_render_is_named(run_on: Callable[..., Run], tmp_path: Path) -> None:
    odd = data_row(prompt=[{"role": "user", "content": "29 ."}])
    run = run_on(write_rows(tmp_path / "rows.parquet", [data_row(), odd]))
    run.config.actor_rollout_ref.model.custom_chat_template = refusing("m.content == '29 .'", "no 29")
    said = refusal(run, check_prompts)
    assert "row 1 of" in said and "that the chat template cannot render (TemplateError: no 29)" in said


def test_a_row_that_verls_filter_cannot_render_is_named_where_it_filters(
    run_on: Callable[..., Run], tmp_path: Path
) -> None:
    """The loop puts a system message where the template has a place for it; verl's filter drops the row instead."""
    row = data_row(prompt=[{"role": "system", "content": "29 ."}, TASK])
    path = write_rows(tmp_path / "rows.parquet", [data_row(), row])
    for filters, fine in ((True, False), (False, True)):
        run = run_on(path, f"data.filter_overlong_prompts={filters}")
        run.config.actor_rollout_ref.model.custom_chat_template = refusing("m.role == 'system'", "no system role")
        assert check_prompts(run) if fine else True
        if not fine:
            said = refusal(run, check_prompts)
            assert f"row 1 of {path} has a prompt that verl's filter for long prompts cannot render" in said
            assert said.endswith("set data.filter_overlong_prompts=False.")


def test_a_long_prompt_is_named_where_verl_does_not_leave_it_out(run_on: Callable[..., Run], tmp_path: Path) -> None:
    long = data_row(prompt=[{"role": "user", "content": "1 " * 40}])
    path = write_rows(tmp_path / "rows.parquet", [data_row(), long])
    assert check_prompts(run_on(path))
    said = refusal(run_on(path, "data.filter_overlong_prompts=false"), check_prompts)
    assert said.startswith(f"data.train_files: row 1 of {path} has a prompt of ")
    assert said.endswith("or set data.filter_overlong_prompts=True to leave such rows out.")


ROOM = ("data.max_prompt_length=200", "data.filter_overlong_prompts_workers=null")
ODD_INDICES = [7, "b7c9", None, 1.5, float("nan"), True, -3, 10**17]


@pytest.mark.parametrize(
    "changes",
    [
        *({"extra_info": {"index": index}} for index in ODD_INDICES),
        {"extra_info": None},
        {"extra_info": {"split": "train"}},
        {"tools": None},
        {"tools": "[]"},
        {"first_attempt": ""},
        {"first_attempt": "", "first_attempt_ids": []},
        {"prompt": [{"role": "system", "content": ""}, {**TASK, "name": None}]},
        {"day": datetime(2026, 1, 1), "blob": b"\xff", "uid": "mine", "index": "mine"},
    ],
)
async def test_what_passes_runs(
    run_on: Callable[..., Run],
    make_loop: Any,
    scripted: Any,
    tokenizer: Any,
    tmp_path: Path,
    changes: dict[str, Any],
) -> None:
    """From the file through verl's data set and its batch into a session."""
    run = run_on(write_rows(tmp_path / "rows.parquet", [data_row(**changes)]), *ROOM)
    assert await asyncio.to_thread(check_data, run) and await asyncio.to_thread(check_prompts, run)
    [row] = rows_as_verl_hands_them_on(run, tokenizer)
    [output] = await make_loop(scripted(HINT, RIGHT), *ROOM).run(SAMPLING, **row)
    episode = episode_of(output)
    assert episode.task == TASK["content"] and episode.second_try == 1
    index = (changes.get("extra_info") or {}).get("index")
    assert episode.index == (0 if index is None or index != index else str(index) if index in ("b7c9", 1.5) else index)


async def test_a_task_in_parts_runs_unless_verl_would_leave_it_out(
    run_on: Callable[..., Run], make_loop: Any, scripted: Any, tokenizer: Any, tmp_path: Path
) -> None:
    """verl's filter renders the parts as they stand, which most templates cannot, and drops the row without a word."""
    parts = [{"type": "text", "text": part} for part in ("Make 29 ", "from 3 5 8 .")]
    path = write_rows(tmp_path / "rows.parquet", [data_row(prompt=[{"role": "user", "content": parts}])])
    assert "row 0 of" in await asyncio.to_thread(refusal, run_on(path), check_prompts)
    run = run_on(path, *ROOM, "data.filter_overlong_prompts=false")
    assert await asyncio.to_thread(check_data, run) and await asyncio.to_thread(check_prompts, run)
    [row] = rows_as_verl_hands_them_on(run, tokenizer)
    server = scripted(HINT, RIGHT)
    [output] = await make_loop(server, *ROOM).run(SAMPLING, **row)
    assert episode_of(output).task == TASK["content"] and TASK["content"] in server.seen(0)


async def test_json_lines_may_number_their_rows_in_every_way(
    run_on: Callable[..., Run], make_loop: Any, scripted: Any, tokenizer: Any, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    indices = [index for index in ODD_INDICES if index == index]
    path.write_text("".join(json.dumps(data_row(extra_info={"index": index})) + "\n" for index in indices))
    run = run_on(str(path), *ROOM)
    assert f"rows.jsonl ({len(indices)} rows)" in await asyncio.to_thread(check_data, run)
    rows = rows_as_verl_hands_them_on(run, tokenizer)
    found = [await make_loop(scripted(HINT, RIGHT), *ROOM).run(SAMPLING, **row) for row in rows]
    assert [episode_of(output).index for [output] in found] == [7, "b7c9", 0, "1.5", 1, -3, 10**17]


def rows_as_verl_hands_them_on(run: Run, tokenizer: Any) -> list[dict[str, Any]]:
    """The keyword arguments of `AgentLoopBase.run`, made by verl's own code up to its agent-loop worker."""
    data = RLHFDataset(run.config.data.train_files, tokenizer, run.config.data)
    batch = tensordict_utils.get_tensordict(collate_fn([data[number] for number in range(len(data))]))
    of_verl = {"uid": "uid", "session_id": 0, "global_steps": 1, "is_validation": False}
    return [{name: value_at(column, i) for name, column in batch.items()} | of_verl for i in range(len(data))]


def value_at(column: Any, number: int) -> Any:
    """As verl's worker takes a batch apart."""
    if isinstance(column, NonTensorStack):
        return column[number].data
    return column.data if isinstance(column, NonTensorData) else column[number]


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_infinity=False)
    | st.sampled_from(["", "Make 29", "[]", "{", "countdown"])
    | st.just([TASK])
    | st.just({"ground_truth": {"target": 29, "numbers": [3, 5, 8]}})
)
ODD = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("role"), inner), max_leaves=3
)
COLUMNS = ("prompt", "data_source", "reward_model", "extra_info", "tools", "first_attempt", "first_attempt_ids")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(COLUMNS), st.lists(ODD, min_size=1, max_size=3), st.booleans())
def test_any_file_passes_or_is_refused_by_name(
    run_on: Callable[..., Run], tmp_path: Path, column: str, values: list[Any], live: bool
) -> None:
    path = tmp_path / "rows.parquet"
    try:
        write_rows(path, [data_row(**{column: value}) for value in values])
    except (pa.ArrowException, OverflowError):
        return  # no parquet file has such a column
    run = run_on(str(path), f"reflect.first_attempt={'live' if live else 'dataset'}")
    for check in (check_data, check_prompts):
        try:
            check(run)
        except UnfitError as refused:
            assert str(path) in str(refused) and ("row " in str(refused) or "column" in str(refused)), refused
            return
