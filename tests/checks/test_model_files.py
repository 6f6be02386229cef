"""A model folder that lacks something, or has half of it, is named before a worker reads it."""

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest
from checked import CHECKPOINT, good_config, refusal

WEIGHTS = "model.safetensors"


def said(tmp_path: Path, change: Callable[[Path], object]) -> str | None:
    """To the tiny model with a change to its folder."""
    folder = copytree(CHECKPOINT, tmp_path / "model")
    change(folder)
    return refusal(good_config(tmp_path, f"actor_rollout_ref.model.path={folder}"), "model files")


def halve(folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[: len(data) // 2])


def name_in_index(*names: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        index = {"weight_map": {str(number): name for number, name in enumerate(names)}}
        (folder / f"{WEIGHTS}.index.json").write_text(json.dumps(index))

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
        (lambda folder: (folder / WEIGHTS).unlink(), "has no weights (model.safetensors)"),
        (halve, "model.safetensors is not a whole file of weights"),
        (lambda folder: (folder / WEIGHTS).write_bytes(b"version https://git-lfs"), "is not a whole file of weights"),
        (name_in_index(WEIGHTS, "model-2.safetensors"), "model-2.safetensors, which the model's index names"),
        (lambda folder: (folder / f"{WEIGHTS}.index.json").write_text("[]"), "is no list of a model's files"),
        (lambda folder: [path.unlink() for path in folder.glob("tokenizer*")], "has no tokenizer (tokenizer.json)"),
    ],
)
def test_what_is_missing_or_half_there(tmp_path: Path, change: Callable[[Path], object], words: str) -> None:
    sentence = str(said(tmp_path, change))
    assert words in sentence and "\n" not in sentence


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: None,
        name_in_index(WEIGHTS, WEIGHTS),
        lambda folder: (folder / WEIGHTS).rename(folder / "pytorch_model.bin"),
    ],
)
def test_a_whole_folder_passes(tmp_path: Path, change: Callable[[Path], object]) -> None:
    assert said(tmp_path, change) is None


def test_a_hub_id_is_left_to_the_hubs_client(tmp_path: Path) -> None:
    assert refusal(good_config(tmp_path, "actor_rollout_ref.model.path=owner/name"), "model files") is None
