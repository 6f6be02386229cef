"""A task that ends its process ends the making of its data in a sentence, and leaves nothing half made."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from builders import ROOT

from verl_reflect.data import maker_apart
from verl_reflect.data.maker import Made
from verl_reflect.data.maker_apart import make_apart

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
        if response == "word 2500":
            %s
        return PASSED if response == ground_truth else failed("wrong")

    def corruptions(self, item):
        return [item.gold + "!"]
"""
SIZES = {"test": 3, "train": None}
Making = Callable[..., Made]


@pytest.fixture
def made_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Making:
    """Make the data of 3,000 words with a task that does something with one of them."""
    monkeypatch.syspath_prepend(str(tmp_path))
    words = "".join(json.dumps({"word": f"word {number}"}) + "\n" for number in range(3000))
    (tmp_path / "words.jsonl").write_text(words)

    def made(act: str, text: str = TASK) -> Made:
        (tmp_path / "words_task.py").write_text(text.replace("%s", act))
        return make_apart("words_task:Echo", str(tmp_path / "words.jsonl"), SIZES, seed=1, out=tmp_path / "out")

    return made


def left(folder: Path) -> list[str]:
    out = folder / "out"
    return sorted(path.name for path in out.iterdir()) if out.exists() else []


def test_a_task_that_does_nothing_of_the_kind_gets_its_data(
    made_by: Making, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maker_apart, "SECONDS_BETWEEN_WORDS", 0.0)
    made = made_by("pass")
    assert (made.rows, made.duplicates, made.rejected) == (3000, 0, 0)
    assert left(tmp_path) == ["test.card.json", "test.parquet", "train.card.json", "train.parquet"]
    assert pq.read_table(made.paths[1]).num_rows == 2997


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ("os._exit(0)", "The task words_task:Echo cannot make data: it ended its process with exit code 0."),
        ("os.kill(os.getpid(), signal.SIGKILL)", "it ended its process by SIGKILL."),
        ("os.kill(os.getppid(), signal.SIGKILL); time.sleep(9)", "the one that watches it."),
        ("sys.exit(0)", "it ended its process with exit code 70."),
        ("raise ValueError('no such word')", "no such word"),
        ("return failed('wrong')", "row 2501: the gold response is rejected: 'word 2500'"),
    ],
)
def test_one_that_ends_its_process(made_by: Making, tmp_path: Path, act: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        made_by(act)
    assert left(tmp_path) == []


def test_a_copy_that_a_task_makes_writes_nothing(made_by: Making) -> None:
    assert made_by("os.fork()").rows == 3000


@pytest.mark.parametrize("text", ["import os; os._exit(0)", "raise SystemExit(0)", "1 / 0"])
def test_a_module_that_cannot_be_loaded(made_by: Making, tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="The task words_task:Echo cannot "):
        made_by("", text)
    assert left(tmp_path) == []


def test_a_disk_that_takes_nothing_is_said_as_by_the_maker(made_by: Making, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OSError, match=r"out.* cannot be written"):
        made_by("pass")


def test_the_command_ends_in_a_sentence_and_an_interrupted_one_leaves_nothing(made_by: Making, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from verl_reflect.cli import app; app()", "data", "custom"]
    command += ["--task", "words_task:Echo", "--source", str(tmp_path / "words.jsonl"), "--out", str(tmp_path / "out")]
    command += ["--validation", "3", "--test", "3"]  # so that most of it is on the disk before the word that ends it
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    (tmp_path / "words_task.py").write_text(TASK.replace("%s", "os._exit(0)"))
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 2 and "it ended its process with exit code 0." in done.stderr.splitlines()[-1]
    (tmp_path / "words_task.py").write_text(TASK.replace("%s", "time.sleep(600)"))
    process = subprocess.Popen(command, env=environment)
    while not left(tmp_path):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 143
    assert left(tmp_path) == []
