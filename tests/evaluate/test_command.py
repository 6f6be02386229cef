"""`verl-reflect eval` and `eval-compare` as a person meets them: tables, sentences, exit codes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import DictConfig
from scripted_evaluation import RIGHT, Model, write_rows
from typer.testing import CliRunner, Result

from verl_reflect.cli.app import app
from verl_reflect.demo.data import CHECKPOINT
from verl_reflect.evaluate.command import Evaluating
from verl_reflect.rollout.judge import Judge
from verl_reflect.rollout.reward_function import RewardFunction
from verl_reflect.rollout.shared import Shared


class Better(Model):
    """Passes at first where the other one passes only after reflecting, and no more at the multiples of 9."""

    def answer(self, number: int, turns: Any) -> tuple[str, str]:
        stage, text = super().answer(number, turns)
        if stage == "attempt" and (number % 2 == 0 or number % 9 == 0):
            return stage, RIGHT if number % 9 else "Hm ."
        return stage, text


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    judge = Judge(RewardFunction(), success_threshold=1.0, timeout=20.0)
    yield judge
    judge.close()


@pytest.fixture
def folder(tmp_path: Path, tokenizer: Any, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data; the model is Better where the output folder is called after."""
    monkeypatch.setattr(Judge, "from_config", lambda config: judge)
    Shared.close()
    write_rows(tmp_path / "data.parquet", range(1, 31))
    evaluate = Evaluating.__call__

    def scripted(self: Evaluating) -> Any:
        async def start(config: DictConfig) -> Any:
            return [Better(tokenizer) if self.out.name == "after" else Model(tokenizer)]

        return evaluate(self, start)

    monkeypatch.setattr(Evaluating, "__call__", scripted)
    return tmp_path


def run(folder: Path, name: str, *more: str) -> Result:
    arguments = [
        *("eval", "--out", str(folder / name), "--data", str(folder / "data.parquet"), "+recipe=reflect_grpo"),
        *("+task=countdown_toy", f"actor_rollout_ref.model.path={CHECKPOINT}", *more),
    ]
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})


def rows_of(result: Result) -> list[list[str]]:
    """The cells of the printed tables."""
    return [re.split(r"\s{2,}", line.strip()) for line in result.stdout.splitlines()]


def said(result: Result) -> str:
    return " ".join(result.output.split())


def test_the_command_prints_tables_and_says_where_everything_is(folder: Path) -> None:
    result = run(folder, "before", "--conditions", "reflect,blind,fixed,swapped")
    assert result.exit_code == 0, result.output
    cells = rows_of(result)
    assert ["first try", "all", "33.3 (19.2 to 51.2)", "30", "30"] in cells
    assert ["reflect, retry", "failures", "50.0 (29.9 to 70.1)", "20", "20"] in cells
    [against_blind] = [row for row in cells if row[:2] == ["reflect, retry", "blind retry"]]
    assert against_blind[2] == "failures" and against_blind[4:] == ["0.062", "5", "0"]
    assert ["missed_target", "20 (66.7 %)", "10 (33.3 %)", "15 (50.0 %)", "20 (66.7 %)", "20 (66.7 %)"] in cells
    assert f"Every turn: {folder / 'before' / 'transcripts.parquet'}" in said(result)


def test_the_folder_holds_the_numbers_and_a_table_for_a_model_card(folder: Path) -> None:
    run(folder, "before")
    summary = json.loads((folder / "before" / "summary.json").read_text())
    assert summary["format"] == 1 and summary["model"]["path"] == str(CHECKPOINT)
    assert summary["counts"] | {"attempt_tokens": 0, "reflection_tokens": 0, "retry_tokens": 0} == {
        **{"items": 30, "given_up": 0, "answers": 30, "without_verdict": 0, "attempt_tokens": 0},
        **{"reflection_tokens": 0, "retry_tokens": 0, "attempts_truncated": 0, "reflections_truncated": 0},
        "retries_truncated": 0,
    }
    [result] = summary["results"]
    assert result["data_source"] == "countdown" and result["items"] == 30
    assert result["accuracies"][0]["accuracy"]["value"] == pytest.approx(1 / 3)
    assert result["contrasts"][-1]["change"]["test"] == "McNemar"
    card = (folder / "before" / "summary.md").read_text()
    assert "| first try | all | 33.3 (19.2 to 51.2) | 30 | 30 |" in card


def test_several_data_sources_have_results_of_their_own_and_together(folder: Path) -> None:
    rows = pq.read_table(folder / "data.parquet").to_pylist()
    for row in rows[:10]:
        row["data_source"] = "countdown/easy"
    pq.write_table(pa.Table.from_pylist(rows), folder / "data.parquet")
    run(folder, "before", "--conditions", "reflect,swapped")
    summary = json.loads((folder / "before" / "summary.json").read_text())
    assert {each["data_source"]: each["items"] for each in summary["results"]} == {
        "all": 30,
        "countdown": 20,
        "countdown/easy": 10,
    }
    swapped = pq.read_table(folder / "before" / "transcripts.parquet").to_pylist()
    given = {
        row["index"]: row["reflection"]["text"]
        for row in swapped
        if row["condition"] == "swapped" and row["reflection"]
    }
    assert given[110] == "First I will compute 1 * 3 and add the rest .", "10 and 1 are easy, 11 is not"


def test_two_evaluations_are_compared_answer_by_answer(folder: Path) -> None:
    for name in ("before", "after"):
        assert run(folder, name).exit_code == 0
    command = ["eval-compare", str(folder / "before"), str(folder / "after")]
    result = CliRunner().invoke(app, command, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    cells = rows_of(result)
    [first] = [row for row in cells if row[0] == "first try"]
    assert first[2:5] == ["33.3 (19.2 to 51.2)", "56.7 (39.2 to 72.6)", "+23.3 (+0.9 to +45.7)"]
    assert first[5:] == ["0.092", "10", "3", "30"], "ten fixed (2 4 8 ...), three broken (9 18 27)"
    [missed] = [row for row in cells if row[0] == "missed_target"]
    assert missed[1:3] == ["20 (66.7 %)", "10 (33.3 %)"]
    [format_error] = [row for row in cells if row[0] == "format"]
    assert format_error[1:3] == ["0 (0.0 %)", "3 (10.0 %)"]
    both = [row for row in cells if row[1:2] == ["failures of both"]]
    assert [row[-1] for row in both] == ["10", "10"]


def test_what_else_differs_is_said_and_other_data_are_refused(folder: Path) -> None:
    run(folder, "before")
    run(folder, "greedy", "--greedy")
    write_rows(folder / "data.parquet", range(1, 5))
    run(folder, "other")
    compared = CliRunner().invoke(app, ["eval-compare", str(folder / "before"), str(folder / "greedy")])
    assert "different sampling parameters, so not only the model makes the difference" in said(compared)
    for name, sentence in (("other", "are on different data"), ("nowhere", "holds no finished evaluation")):
        refused = CliRunner().invoke(app, ["eval-compare", str(folder / "before"), str(folder / name)])
        assert refused.exit_code == 1 and sentence in said(refused) and "Traceback" not in refused.output


def test_a_folder_that_is_no_evaluation_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    def refusal() -> str:
        refused = CliRunner().invoke(app, ["eval-compare", str(tmp_path), str(tmp_path)])
        assert refused.exit_code == 1 and refused.stderr.count("\n") == 1
        return refused.stderr.removeprefix("verl-reflect: ").rstrip()

    assert refusal() == (
        f"{tmp_path} holds no finished evaluation, for there is no summary.json in it; verl-reflect eval --out "
        f"{tmp_path} makes it, and goes on where an earlier one stopped."
    )
    summary, anew = tmp_path / "summary.json", "repeat its verl-reflect eval, which writes it anew."
    for text, why in (
        ("{", "Expecting property name"),
        ('{"format": 0}', "another version"),
        ('{"format": 1}', "results"),
        ("[]", "must be"),
    ):
        summary.write_text(text)
        assert refusal().startswith(f"{summary} cannot be read (") and why in refusal() and refusal().endswith(anew)
    summary.write_text('{"format": 1, "results": []}')
    assert refusal() == f"There is no file {tmp_path / 'transcripts.parquet'}; {anew}"


@pytest.mark.parametrize(
    ("more", "code", "sentence"),
    [
        (["--conditions", "reflekt"], 2, "reflekt is no condition"),
        (["--rounds", "40"], 1, "40 rounds can take"),
        (["--data", "nowhere.parquet"], 1, "--data: there is no file nowhere.parquet"),
        (["actor_rollout_ref.model.path=/no/such/folder"], 1, "There is no model folder /no/such/folder"),
        (["+forgetting=paper", "+forgetting.shots=8"], 1, "The forgetting section cannot be read"),
    ],
)
def test_the_command_refuses_in_one_sentence(folder: Path, more: list[str], code: int, sentence: str) -> None:
    result = run(folder, "refused", *more)
    assert result.exit_code == code and sentence in said(result) and "Traceback" not in result.output
    assert not (folder / "refused").exists()


def test_a_missing_benchmark_is_said_and_the_evaluation_is_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "lm_eval.api.registry", None)
    result = run(folder, "before", "+forgetting=paper")
    assert result.exit_code == 1 and "pip install verl-reflect[eval]" in said(result)
    assert (folder / "before" / "summary.json").exists()
