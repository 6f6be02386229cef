"""A model folder has what a model is made of: its configuration, a tokenizer, and weights that are whole.

A file that was not downloaded to its end is read by the workers, who say so in a traceback of their own. Models on a
hub are left to the hub's client, which checks what it loads.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from verl_reflect.checks.run import Run, UnfitError

MODEL = "actor_rollout_ref.model"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json", "vocab.txt", "*.tiktoken")
OTHER_WEIGHTS = ("*.bin", "*.pt", "*.pth")
"""Of older models, which are not looked into."""


def check_model_files(run: Run) -> str:
    """A model folder has its configuration, a tokenizer, and weights that are whole."""
    folder = _folder(run, f"{MODEL}.path")
    if folder and not run.get(f"{MODEL}.hf_config_path") and not (folder / "config.json").is_file():
        raise UnfitError(f"{folder} has no config.json, so it is no model's folder; set {MODEL}.path.")
    tokenizer = _folder(run, f"{MODEL}.tokenizer_path") if run.get(f"{MODEL}.tokenizer_path") else folder
    if tokenizer and not any(any(tokenizer.glob(pattern)) for pattern in TOKENIZERS):
        raise UnfitError(
            f"{tokenizer} has no tokenizer (tokenizer.json); copy it there, or set {MODEL}.tokenizer_path."
        )
    if folder is None:
        return "not in a folder here"
    files = list(_weights(folder))
    for file in files:
        _check_whole(file)
    return f"{len(files)} files of weights" if files else "weights that are not looked into"


def _folder(run: Run, key: str) -> Path | None:
    """What a key names, if it is a folder of this machine."""
    path = Path(os.path.expanduser(run.fetched(key, run.get(key))))
    return path if path.is_dir() else None


def _weights(folder: Path) -> Iterator[Path]:
    """Files of weights, as the index has them, or else as they lie there."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            named = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise UnfitError(f"{index} is no list of a model's files; copy the model anew.") from error
        yield from (folder / name for name in named)
        return
    found = sorted(folder.glob("*.safetensors"))
    if not found and not any(any(folder.glob(pattern)) for pattern in OTHER_WEIGHTS):
        raise UnfitError(f"{folder} has no weights (model.safetensors); copy them there, or set {MODEL}.path.")
    yield from found


def _check_whole(file: Path) -> None:
    from safetensors import SafetensorError, safe_open

    if not file.is_file():
        raise UnfitError(f"There is no {file}, which the model's index names; copy it there, or set {MODEL}.path.")
    try:
        with safe_open(file, "pt"):
            return
    except (SafetensorError, OSError) as error:
        raise UnfitError(
            f"{file} is not a whole file of weights ({error}); copy it anew, or set {MODEL}.path."
        ) from error
