"""Every task trains for a step, from data that the maker made, all in one run of verl's real trainer."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from verl_reflect.data.maker import make_dataset
from verl_reflect.data.sources import Source
from verl_reflect.demo.data import CHECKPOINT
from verl_reflect.demo.training import ToyTraining
from verl_reflect.tasks.registry import BUILT_IN, load_task

pytestmark = pytest.mark.e2e

TOOL = {"name": "add", "description": "Adds", "parameters": {"a": {"description": "First", "type": "int"}}}
FUNCTION = {
    "name": "add",
    "description": "Adds",
    "parameters": {"type": "dict", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
}
RECORDS: dict[str, list[dict[str, Any]]] = {
    "countdown": [{"target": 10 + n, "nums": [n + 1, 7, 2]} for n in range(4)],
    "function_calling": [
        {
            "query": f"Add {n} .",
            "tools": json.dumps([TOOL]),
            "answers": json.dumps([{"name": "add", "arguments": {"a": n}}]),
        }
        for n in range(4)
    ],
    "bfcl": [
        {
            "id": f"simple_{n}",
            "category": "simple_python",
            "question": [[{"role": "user", "content": f"Add {n} ."}]],
            "function": [FUNCTION],
            "ground_truth": [{"add": {"a": [n]}}],
        }
        for n in range(4)
    ],
    "gsm8k": [{"question": f"What is {n} plus 1 ?", "answer": f"Count on. #### {n + 1}"} for n in range(4)],
    "math": [{"problem": f"Half of {n} ?", "solution": rf"It is $\boxed{{\frac{{{n}}}{{2}}}}$."} for n in range(4)],
}


def long_context_model(folder: Path) -> Path:
    """The tiny model, with room for prompts that it spells out byte by byte. It has no weights for positions."""
    shutil.copytree(CHECKPOINT, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 8192}))
    return folder


def make_data(folder: Path) -> list[Path]:
    files = []
    for task in map(load_task, BUILT_IN):
        name = task.data_sources[0]
        source = Source(name, lambda name=name: iter(RECORDS[name]))
        files += make_dataset(task, source, {"train": None}, seed=0, out=folder / name).paths
    return files


def test_every_task_trains_for_a_step(tmp_path: Path) -> None:
    files = make_data(tmp_path / "data")
    training = ToyTraining(
        tmp_path, tmp_path, long_context_model(tmp_path / "model"), seed=0, steps=1, validate_every=-1
    )
    rows = 4 * len(files)
    command = [
        *training.command(),
        "reflect.first_attempt=live",
        "reflect.reflection_prompt=null",
        f"data.train_files=[{','.join(map(str, files))}]",
        f"data.val_files={files[0]}",
        f"data.train_batch_size={rows}",
        "data.max_prompt_length=1024",
        "actor_rollout_ref.rollout.max_model_len=4096",
        "actor_rollout_ref.rollout.n=2",
        "trainer.val_before_train=False",
    ]
    environment = {**os.environ, "VERL_FILE_LOGGER_PATH": str(training.metrics)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    lines = [json.loads(line) for line in (tmp_path / "rollout" / "transcripts" / "1.jsonl").read_text().splitlines()]
    assert {line["data_source"].partition("/")[0] for line in lines} == RECORDS.keys()
    assert all(line["metrics"]["verifier_error"] == 0.0 and line["reflection"]["tokens"] > 0 for line in lines)
    assert len({line["index"] for line in lines if line["data_source"] == "math"}) == 4
