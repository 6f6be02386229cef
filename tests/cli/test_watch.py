"""The live line of a training."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from report_folders import write_run
from rich.console import Console
from typer.testing import CliRunner

from verl_reflect.cli import watch
from verl_reflect.cli.app import app
from verl_reflect.cli.watch import HeldOut, Progress
from verl_reflect.progress import clock
from verl_reflect.records.growing_file import GrowingFile
from verl_reflect.records.metrics_log import StepMetrics
from verl_reflect.records.run import Start, line_of

VALIDATION = {
    "val-aux/countdown/first_try/first_try/mean@1": 0.2,
    "val-aux/countdown/first_try/reflected/mean@1": 0.8,
    "val-core/countdown/first_try/acc/mean@1": 0.5,
    "val-aux/countdown/reflect/first_try/mean@1": 0.0,
    "val-aux/countdown/reflect/reflected/mean@1": 1.0,
    "val-core/countdown/reflect/acc/mean@1": 0.4,
    "val-aux/countdown/blind/reflected/mean@1": 0.0,
    "val-core/countdown/blind/acc/mean@1": 0.9,
}
STEP = {"reflect/acc": 0.25, "timing_s/step": 30.0, "perf/throughput": 1234.5}


def test_the_line_has_all_that_a_person_wants_to_know() -> None:
    progress = Progress(steps=131).after(StepMetrics(0, VALIDATION)).after(StepMetrics(1, STEP))
    assert progress.line() == (
        "step 1/131 · held out at 0: first try 20.0 %, second try 40.0 % · reward 0.25 · 1,234 tokens/s · 1:05:00 left"
    )


def test_what_was_not_logged_is_left_out() -> None:
    assert Progress().after(StepMetrics(3, {"timing_s/step": 2.0})).line() == "step 3"


def test_the_time_that_is_left_follows_the_latest_steps() -> None:
    progress = Progress(steps=100)
    for step in range(1, 21):
        progress = progress.after(StepMetrics(step, {"timing_s/step": 90.0 if step <= 10 else 2.0}))
    assert progress.seconds_left == 160.0


def test_several_samples_of_an_item_are_validated_too() -> None:
    values = {name.replace("@1", "@4"): value for name, value in VALIDATION.items()}
    assert HeldOut.read(StepMetrics(7, values)) == HeldOut(7, 0.2, 0.4)


def test_a_training_is_followed_until_its_last_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_run(tmp_path / "run", metrics=[(0, VALIDATION), (1, STEP)])
    path = folder / "metrics.jsonl"
    first = path.read_text()
    writes = iter(
        [
            first + '{"step": 2, "da',  # verl is writing
            first + json.dumps({"step": 2, "data": STEP}) + "\n",
            json.dumps({"step": 1, "data": STEP}) + "\n",  # somebody started it again
            json.dumps({"step": 1, "data": STEP}) + "\n" + json.dumps({"step": 3, "data": STEP}) + "\n",
        ]
    )
    monkeypatch.setattr(watch.time, "sleep", lambda seconds: path.write_text(next(writes)))
    assert [progress.step for progress in watch.follow(path, 3)] == [0, 1, 2, 1, 3]


def test_the_command_prints_a_line_a_step_and_knows_the_end_from_hydra(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", metrics=[(0, VALIDATION), (2, STEP)])
    (folder / ".hydra").mkdir()
    (folder / ".hydra/config.yaml").write_text(
        "reflect: {reflection_prompt: null, retry_prompt: '{task}'}\n"
        "algorithm: {adv_estimator: grpo, norm_adv_by_std_in_grpo: true}\n"
        "trainer: {total_training_steps: 2}\n"
    )
    result = CliRunner().invoke(app, ["watch", str(folder)])
    assert result.exit_code == 0 and result.stdout.splitlines()[-1].startswith("step 2/2 · held out at 0: first try 20")
    result = CliRunner().invoke(app, ["watch", str(folder / "metrics.jsonl"), "--steps", "1"])
    assert result.exit_code == 0 and result.stdout.splitlines()[-1].startswith("step 2/1")


def test_a_run_that_is_not_there_is_refused_in_one_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["watch", str(tmp_path / "nowhere")])
    assert result.exit_code == 2 and result.stderr.startswith(f"verl-reflect: There is no {tmp_path}/nowhere; name the")


def narrow() -> Console:
    """A terminal of 80 columns."""
    return Console(width=80, height=24, force_terminal=True, file=io.StringIO(), legacy_windows=False)


LARGEST = {
    "reflect/acc": 0.12345,
    "timing_s/step": 3599.4,
    "perf/throughput": 123456.789,
    "val-aux/countdown/first_try/first_try/mean@1": 1.0,
    "val-aux/countdown/reflect/reflected/mean@1": 1.0,
    "val-core/countdown/reflect/acc/mean@1": 1.0,
}


@pytest.mark.parametrize("step", [1, 99_999])
@pytest.mark.parametrize("steps", [None, 131, 1_000_000])
@pytest.mark.parametrize("columns", [40, 60, 80, 200])
@pytest.mark.parametrize("values", [STEP, LARGEST, {**VALIDATION, **STEP}])
def test_a_line_fits_its_columns_with_the_time_left_and_no_number_is_cut(
    step: int, steps: int | None, columns: int, values: dict[str, float]
) -> None:
    progress = Progress(steps).after(StepMetrics(step, values))
    line = progress.line(columns)
    assert len(line) <= columns
    assert set(line.split(" · ")) <= {progress._step, *progress._all, *progress._short}, "a part is there or not"
    assert line.startswith(f"step {step}")
    if steps:
        assert line.endswith(f"{clock(progress.seconds_left or 0)} left")


def shown(monkeypatch: pytest.MonkeyPatch, folder: Path, *, while_waiting: Callable[[], object]) -> list[str]:
    """The lines that were on a terminal of 80 columns, one after the other."""
    lines = list[str]()
    update = watch.Live.update

    def remember(live: Any, text: Any, *, refresh: bool = False) -> None:
        lines.append(str(text))
        update(live, text, refresh=refresh)

    monkeypatch.setattr(watch.Live, "update", remember)
    monkeypatch.setattr(watch.time, "sleep", lambda seconds: while_waiting())
    watch._show(folder, None, narrow())
    assert all(len(line) <= 80 for line in lines), lines
    return lines


def test_on_80_columns_one_line_says_first_what_is_waited_for_and_then_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty folder, a run that loads its models, one that validates, a step, the end."""
    folder = tmp_path / "a-folder-with-a-name-that-is-itself-longer-than-a-terminal" / "has-columns-to-show"
    folder.mkdir(parents=True)
    starts, log = folder / "metrics.run.jsonl", folder / "metrics.jsonl"
    at_work: list[GrowingFile] = []

    def begin() -> None:
        at_work.append(GrowingFile(starts))
        at_work[0].append([line_of(Start.first({}, -1))])

    step = json.dumps({"step": 1, "data": {**VALIDATION, **STEP}}) + "\n"
    acts = iter([begin, log.touch, lambda: log.write_text(step), lambda: at_work[0].close()])
    lines = shown(monkeypatch, folder, while_waiting=lambda: next(acts)())
    assert [line[:30] for line in lines] == [
        "waiting for a run that writes ",
        "the run has begun and loads it",
        "the models are loaded; waiting",
        "step 1 · tries 20.0, 40.0 % at",
    ]
    assert lines[0].endswith("/has-columns-to-show/metrics.jsonl") and "…" in lines[0]
    assert lines[-1] == "step 1 · tries 20.0, 40.0 % at 1 · reward 0.25 · 1,234 tokens/s"


@pytest.mark.parametrize(
    ("logged", "words"),
    [
        ([], "The run has ended before its first step of 3; what verl printed says why."),
        ([(1, STEP)], "The run has ended after step 1 of 3; what verl printed says why."),
    ],
)
def test_a_run_that_died_is_said_to_have_ended(
    tmp_path: Path, logged: list[tuple[int, dict[str, float]]], words: str
) -> None:
    folder = write_run(tmp_path / "run", metrics=logged)
    (folder / "metrics.run.jsonl").write_bytes(line_of(Start.first({}, -1)))
    result = CliRunner().invoke(app, ["watch", str(folder), "--steps", "3"])
    assert (result.exit_code, result.stderr) == (2, f"verl-reflect: {words}\n")
