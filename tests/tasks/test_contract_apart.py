"""A task that ends its process ends the check of it in a sentence, and the command with an exit code."""

import subprocess
import sys
from pathlib import Path

import pytest

from verl_reflect.tasks import contract_apart
from verl_reflect.tasks.contract_apart import check_apart

ROOT = Path(__file__).parents[2]

TASK = """
import os, signal, sys, time
from verl_reflect.tasks.base import PASSED, Item, Task, failed

class Echo(Task):
    data_sources = ("echo",)
    categories = ("wrong", "none")
    reflection_prompt = "Reflect."

    def item(self, record):
        return Item([{"role": "user", "content": record["word"]}], record["word"], record["word"])

    def judge(self, response, ground_truth):
        if response == "Python" or response.startswith("__import__"):
            %s
        return PASSED if response == ground_truth else failed("wrong")

    def corruptions(self, item):
        return [item.gold + "!"]
"""
RECORDS = [{"word": "red"}, {"word": "green"}]


@pytest.fixture
def task_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.syspath_prepend(str(tmp_path))

    def made(act: str, text: str = TASK) -> str:
        (tmp_path / "museum_task.py").write_text(text.replace("%s", act))
        return "museum_task:Echo"

    return made


def test_a_task_is_found_to_be_as_it_is(task_that) -> None:  # type: ignore[no-untyped-def]
    found = check_apart(task_that("pass"), RECORDS, 50.0)
    assert [finding.check for finding in found][:2] == ["class", "items"] and all(finding.fit for finding in found)
    assert [finding.check for finding in check_apart(task_that("pass"), None, 50.0)] == ["class"]


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ("sys.exit(0)", "judge raises SystemExit: 0"),
        ("raise KeyboardInterrupt", "judge raises KeyboardInterrupt"),
        ("os._exit(0)", "judge \"__import__('os').system('exit 3')\": the task ended its process with exit code 0"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "the task ended its process by SIGKILL"),
        ("os.kill(os.getppid(), signal.SIGKILL); time.sleep(9)", "the one that watches it"),
        ("sys.stdin.read(); os.fork()", ""),
    ],
)
def test_a_verdict_that_ends_the_process(task_that, act: str, words: str) -> None:  # type: ignore[no-untyped-def]
    last = check_apart(task_that(act), RECORDS, 500.0)[-1]
    assert last.check == "hostile responses"
    assert (words in last.remark and not last.fit) if words else last.fit, last.remark


def test_a_verdict_that_cannot_be_broken_off(task_that, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(contract_apart, "STILL_SECONDS", 2.0)
    stubborn = "signal.signal(signal.SIGALRM, signal.SIG_IGN)\n            while True: pass"
    last = check_apart(task_that(stubborn), RECORDS, 50.0)[-1]
    assert not last.fit and "the task gave no answer for 2 s" in last.remark


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("raise SystemExit(0)", "The task museum_task:Echo cannot be imported: SystemExit: 0."),
        ("import os; os._exit(0)", "The task museum_task:Echo cannot be imported: it ended its process with exit code"),
        ("import sys; input()", "The task museum_task:Echo cannot be imported: EOFError: EOF when reading a line."),
        (TASK + "    def __init__(self): sys.exit(0)", "The task museum_task:Echo cannot be made: SystemExit: 0."),
    ],
)
def test_a_module_that_ends_the_process(task_that, text: str, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="cannot be") as refusal:
        check_apart(task_that("pass", text), None, 50.0)
    assert words in str(refusal.value)


def test_the_command_says_so_and_fails(task_that, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    command = [sys.executable, "-c", "from verl_reflect.cli import app; app()", "check-task"]
    task = task_that("pass", "import os; os._exit(0)")
    environment = {"PYTHONPATH": f"{ROOT}:{tmp_path}", "PATH": "/usr/bin:/bin"}
    done = subprocess.run([*command, task], capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "verl-reflect: The task museum_task:Echo cannot be imported: it ended its process with exit code 0.\n"
    )
