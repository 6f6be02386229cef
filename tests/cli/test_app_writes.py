"""No command writes anywhere but where it is told to, or into the folder that its help names.

Each runs in a folder with a README.md and docs of its caller's. Servers and trainings are scripted; all else is real.
"""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT
from omegaconf import DictConfig
from report_folders import blind, failures, write_evaluation, write_run
from scripted_evaluation import Model, write_rows
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from verl_reflect.cli.app import app
from verl_reflect.demo import command as demo_command
from verl_reflect.demo import data as demo_data
from verl_reflect.demo.training import ToyTraining
from verl_reflect.evaluate.command import Evaluating
from verl_reflect.mine.command import Mining
from verl_reflect.rollout.judge import Judge
from verl_reflect.rollout.shared import Shared

COUNTDOWN = "verl_reflect.tasks.countdown:Countdown"
THEIRS = {"README.md": "Theirs.", "docs/curves.png": "Theirs.", "docs/index.md": "Theirs."}
SIZES = ("--train", "3", "--validation", "2", "--test", "2")
MODEL = ("+recipe=reflect_grpo", "+task=countdown_toy", f"actor_rollout_ref.model.path={demo_data.CHECKPOINT}")
FILES = ("data.train_files=given/rows.parquet", "data.val_files=given/rows.parquet")

QUESTIONS = {
    "gsm8k": {"question": "{n} + 1?", "answer": "#### {n}"},
    "math": {"problem": "{n} + 1?", "answer": "{n}"},
    "function-calling": {
        "query": "Say {n}.",
        "tools": '[{"name": "say", "description": "", "parameters": {"n": {"type": "int", "description": ""}}}]',
        "answers": '[{"name": "say", "arguments": {"n": 1}}]',
    },
}

COMMANDS: dict[str, tuple[list[str], str]] = {
    "doctor": ([*MODEL, "+hardware=cpu", *FILES, "data.train_batch_size=6"], ""),
    "demo": ([], "runs/demo"),
    "check-task": ([COUNTDOWN, "--source", "given/countdown.jsonl"], ""),
    "mine": ([*MODEL, *FILES], "data"),
    "report": (["given/run", "given/before"], "report.html"),
    "watch": (["given/run", "--steps", "1"], ""),
    "eval": ([*MODEL, *FILES], "runs/eval"),
    "eval-compare": (["given/before", "given/after"], ""),
    "data countdown": (["--out", "out", *SIZES], "out"),
    "data game-of-24": (["--out", "out"], "out"),
    "data bfcl": (["--out", "out", "--source", str(ROOT / "tests/helpers/bfcl_rows")], "out"),
    "data custom": (["--out", "out", "--task", COUNTDOWN, "--source", "given/countdown.jsonl", *SIZES], "out"),
    "data countdown-toy": (["--out", "out"], "out"),
    **{f"data {name}": (["--out", "out", "--source", f"given/{name}.jsonl", *SIZES], "out") for name in QUESTIONS},
}
"""The arguments of every command, and the one place where it may write."""


def names_of(command: Any, name: str = "") -> Iterator[str]:
    """Every command of a group, as a person types it."""
    if not isinstance(command, TyperGroup):
        yield name
        return
    for word, each in command.commands.items():
        yield from names_of(each, f"{name} {word}".strip())


def test_every_command_is_here() -> None:
    assert set(names_of(get_command(app))) == set(COMMANDS)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write_lines(path: Path, records: Iterator[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The caller's folder, which is the working directory."""
    for name, text in THEIRS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    given = tmp_path / "given"
    sessions = {"reflect": failures(False, True, True), "blind": blind(False, False, True)}
    write_run(given / "run", {0: sessions["reflect"], 1: sessions["reflect"]}, metrics=[(1, {"timing_s/step": 1.0})])
    for name in ("before", "after"):
        write_evaluation(given / name, sessions)
        path = given / name / "summary.json"
        more = {
            "settings": {"conditions": list(sessions)},
            "data": [],
            "sampling": {},
            "chat_template": "",
            "reflect": {},
        }
        path.write_text(json.dumps({**json.loads(path.read_text()), **more}))
    write_rows(given / "rows.parquet", range(1, 7), first_attempt="( 3 + 5 ) * 8")
    write_lines(given / "countdown.jsonl", ({"target": 20 + n, "nums": [n, 9, 11]} for n in range(1, 20)))
    for name, question in QUESTIONS.items():
        numbered = ({key: text.replace("{n}", str(n)) for key, text in question.items()} for n in range(1, 10))
        write_lines(given / f"{name}.jsonl", numbered)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, judge: Judge, tokenizer: Any) -> None:
    """Servers and trainings that take no time."""

    async def start(config: DictConfig) -> Any:
        return [Model(tokenizer)]

    def train(training: ToyTraining) -> Iterator[dict[str, Any]]:
        passed = {step: [*failures(False, step > 0), *blind(False, False)] for step in (0, 20, 40)}
        tried = failures(False, True, data_source="countdown/first_try")
        write_run(training.folder, {step: [*lines, *tried] for step, lines in passed.items()})
        yield {"step": training.steps, "data": {}}

    few = partial(demo_data.make_data, train=5, held_out=2)
    monkeypatch.setattr(demo_data, "make_data", few)
    monkeypatch.setattr(demo_command, "make_data", few)
    monkeypatch.setattr(ToyTraining, "run", train)
    monkeypatch.setattr(Judge, "from_config", lambda config: judge)
    for command in (Mining, Evaluating):
        monkeypatch.setattr(command.__call__, "__defaults__", (start,))
    Shared.close()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.usefixtures("scripted")
def test_a_command_writes_where_it_is_told_to(home: Path, command: str) -> None:
    arguments, place = COMMANDS[command]
    before = contents(home)
    result = CliRunner().invoke(app, [*command.split(), *arguments])
    assert result.exit_code == 0, result.output
    after = contents(home)
    assert {name: after[name] for name in before} == before
    written = after.keys() - before.keys()
    assert bool(written) == bool(place)
    assert all(Path(name).is_relative_to(place) for name in written), written
