"""The command `verl-reflect`, as a user types it."""

import json
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
from typer.testing import CliRunner

from verl_reflect import __version__
from verl_reflect.checks.engine import ROLLOUT_PACKAGES
from verl_reflect.cli import data as commands
from verl_reflect.cli.app import app
from verl_reflect.data.maker import Made
from verl_reflect.data.sources import Source
from verl_reflect.demo.data import CHECKPOINT, make_data
from verl_reflect.tasks.base import Task
from verl_reflect.tasks.countdown import Countdown


def run(*arguments: str) -> tuple[int, str]:
    """Exit code, and everything printed on one line."""
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    make_data(folder, CHECKPOINT, train=20, held_out=5, seed=0)
    return folder


def overrides(data: Path, *more: str) -> list[str]:
    return [
        *("+recipe=reflect_grpo", "+task=countdown_toy", "+hardware=cpu"),
        f"actor_rollout_ref.model.path={CHECKPOINT}",
        f"data.train_files={data / 'train.parquet'}",
        f"data.val_files={data / 'validation.parquet'}",
        *more,
    ]


def test_doctor_finds_the_tiny_models_set_up_in_order(data: Path) -> None:
    code, output = run("doctor", *overrides(data, "data.train_batch_size=6"))
    assert code == 0, output
    vllm = next(name for name in ROLLOUT_PACKAGES["vllm"] if list(distributions(name=name)))
    for remark in ("verl-reflect 0.1.0 loads", f"{vllm} ", "CPU, ", "verl 0.9.1", "a turn ends with <|im_end|>"):
        assert remark in output


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("reflect.max_retry_tokens=4000", "max_model_len is 256 and a conversation can take"),
        ("reflect.no_such_key=1", "Could not override 'reflect.no_such_key'"),
        ("actor_rollout_ref.rollout.name=sglang", "sglang is not installed; install it."),
        ("data.train_files=nowhere.parquet", "there is no file nowhere.parquet"),
    ],
)
def test_doctor_says_what_to_do(data: Path, override: str, sentence: str) -> None:
    code, output = run("doctor", *overrides(data, override))
    assert code == 1 and sentence in output


def test_doctor_without_a_gpu_names_both_ways_out(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    code, output = run("doctor", *(each for each in overrides(data) if each != "+hardware=cpu"))
    assert code == 1 and "add +hardware=cpu" in output


def test_data_writes_three_splits_with_cards(tmp_path: Path) -> None:
    code, output = run("data", "countdown", "--out", str(tmp_path), "--train", "30", "--validation", "5", "--test", "5")
    assert code == 0 and "train.parquet" in output
    assert json.loads((tmp_path / "train.card.json").read_text())["sizes"] == {"train": 30, "validation": 5, "test": 5}


def one_line_refusal(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2 and result.stdout == ""
    assert result.stderr.startswith("verl-reflect: ") and len(result.stderr.splitlines()) == 1
    return result.stderr


def test_data_refuses_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "no_column.jsonl").write_text('{"target": 3}\n{"target": 4}\n')
    out = ("--out", str(tmp_path / "out"))
    assert "at least one row" in one_line_refusal("data", "countdown", *out, "--train", "0")
    for name, fault in (
        ("absent.parquet", "there is no file"),
        ("empty.jsonl", "is empty"),
        ("no_column.jsonl", "no usable record among 2: row 1: a row has the columns target and nums"),
    ):
        assert fault in one_line_refusal("data", "countdown", *out, "--source", str(tmp_path / name))
    assert "cannot be imported" in one_line_refusal("data", "custom", *out, "--task", "no.such:Task", "--source", "x")
    assert not list(tmp_path.glob("out/*"))


def test_data_says_what_was_left_out(tmp_path: Path) -> None:
    lines = [json.dumps({"target": 10 + number, "nums": [number, 9, 1]}) for number in range(1, 31)]
    (tmp_path / "a.jsonl").write_text("\n".join([*lines, *lines[:4], "oops"]))
    sizes = ("--validation", "3", "--test", "2")
    source = ("--source", str(tmp_path / "a.jsonl"), "--out", str(tmp_path / "out"))
    result = CliRunner().invoke(app, ["data", "countdown", *source, *sizes])
    assert result.exit_code == 0
    assert [Path(line).name for line in result.stdout.splitlines()] == [
        "test.parquet",
        "validation.parquet",
        "train.parquet",
    ]
    first, second = result.stderr.splitlines()
    assert first == "30 rows; 4 duplicates dropped; 1 malformed records"
    assert second.startswith(f"malformed records are listed in {tmp_path / 'out' / 'rejected.jsonl'} (row 35: not JSON")


@pytest.mark.parametrize(
    ("command", "task", "source"),
    [
        (["gsm8k"], "verl_reflect.tasks.gsm8k:Gsm8k", "openai/gsm8k:main"),
        (["math"], "verl_reflect.tasks.math:Math", "DigitalLearningGmbH/MATH-lighteval"),
        (
            ["function-calling"],
            "verl_reflect.tasks.function_calling:FunctionCalling",
            "Salesforce/xlam-function-calling-60k",
        ),
        (["custom", "--task", "mine:Task", "--source", "mine.csv"], "mine:Task", "mine.csv"),  # apart
    ],
)
def test_every_tasks_command_makes_its_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str], task: str, source: str
) -> None:
    asked: list[object] = []

    def load_task(name: str) -> Task:
        asked.append(name)
        return Countdown()

    def make_dataset(task: Task, source: Source, sizes: object, *, seed: int, out: Path) -> Made:
        asked.extend([source.name, sizes, seed, out])
        return Made([], 0, 0, 0, out, "")

    def make_apart(task: str, source: str, sizes: object, *, seed: int, out: Path) -> Made:
        asked.extend([task, source, sizes, seed, out])
        return Made([], 0, 0, 0, out, "")

    monkeypatch.setattr("verl_reflect.data.maker_apart.make_apart", make_apart)
    monkeypatch.setattr(commands, "load_task", load_task)
    monkeypatch.setattr(commands, "make_dataset", make_dataset)
    code, output = run("data", *command, "--out", str(tmp_path), "--test", "7", "--seed", "5")
    assert code == 0, output
    assert asked == [task, source, {"test": 7, "validation": 500, "train": None}, 5, tmp_path]


COUNTDOWN = "verl_reflect.tasks.countdown:Countdown"


def test_check_task_passes_a_good_task(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        "\n".join(json.dumps({"target": 24, "nums": [number, 9, 1]}) for number in range(9))
    )
    code, output = run("check-task", COUNTDOWN, "--source", str(tmp_path / "a.jsonl"), "--limit", "4")
    assert code == 0, output
    assert "4 made, 0 records malformed" in output and "hostile responses the slowest of " in output


def test_check_task_fails_a_task_that_is_too_slow(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"target": 24, "nums": [3, 9, 1]}')
    code, output = run("check-task", COUNTDOWN, "--source", str(tmp_path / "a.jsonl"), "--limit-ms", "0.0001")
    assert code == 1 and "no hostile responses" in output and "more than 0.0001" in output


def test_check_task_without_a_source_says_that_no_verdict_was_looked_at() -> None:
    code, output = run("check-task", COUNTDOWN)
    assert code == 0 and "Only the class was looked at" in output and "hostile" not in output


@pytest.mark.parametrize(
    ("task", "fault"),
    [
        ("no.such.module:Task", "cannot be imported"),
        ("verl_reflect.tasks.countdown:Nothing", "has no 'Nothing'"),
        ("verl_reflect.tasks.base:Task", "cannot be made: Can't instantiate abstract class Task"),
        ("collections:OrderedDict", "is not a class derived from verl_reflect.tasks.base.Task"),
    ],
)
def test_check_task_refuses_what_is_no_task_in_one_line(task: str, fault: str) -> None:
    assert fault in one_line_refusal("check-task", task)


def test_help_and_version_wait_for_no_framework() -> None:
    heavy = "{'torch', 'verl', 'ray', 'transformers', 'vllm', 'datasets', 'matplotlib', 'scipy', 'omegaconf'}"
    code = f"import sys; from verl_reflect.cli import app; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert run("--version") == (0, f"verl-reflect {__version__}")
