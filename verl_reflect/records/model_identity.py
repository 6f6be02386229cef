"""Which model made a data set: enough to notice that another one is trained on it."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WEIGHT_FILES = ("*.safetensors", "*.bin")
BLOCK, BLOCKS = 1 << 16, 256


@dataclass(frozen=True)
class ModelIdentity:
    """A model, as far as this machine can tell. Empty: not known."""

    path: str
    revision: str = ""
    """The commit on the Hugging Face hub."""
    weights: str = ""
    """Of the weight files, see `weights_hash`."""

    @classmethod
    def of(cls, path: str) -> "ModelIdentity":
        """The model in a folder, or of that name on the hub as far as it has been downloaded."""
        folder = Path(os.path.expanduser(path))
        if folder.is_dir():
            return cls(path, weights=weights_hash(folder))
        config = _downloaded_config(path)
        return cls(path, config.parent.name, weights_hash(config.parent)) if config else cls(path)

    @property
    def known_before_loading(self) -> list[str]:
        """What can be told of it whether or not its weights have been downloaded yet."""
        return [self.path, self.revision or self.weights]

    def differs_from(self, other: "ModelIdentity") -> bool:
        """Known to be another model. Where revision or weights are not known of both, the path decides."""
        for mine, others in ((self.weights, other.weights), (self.revision, other.revision)):
            if mine and others:
                return mine != others
        return self.path != other.path


def weights_hash(folder: Path) -> str:
    """A hash of the weight files of a folder, `""` if there are none.

    Of a file of more than 16 MB it takes its size and 256 blocks of 64 KB, evenly spread: enough to tell a trained
    model from its start, without reading hundreds of gigabytes.
    """
    found = next((files for pattern in WEIGHT_FILES if (files := sorted(folder.glob(pattern)))), [])
    if not found:
        return ""
    digest = hashlib.sha256()
    for path in found:
        _add_blocks(digest, path)
    return digest.hexdigest()


def template_hash(chat_template: Any, kwargs: Mapping[str, Any]) -> str:
    """A hash of a chat template and the arguments it is rendered with."""
    return hashlib.sha256(json.dumps([chat_template, dict(kwargs)], sort_keys=True).encode()).hexdigest()


def _add_blocks(digest: Any, path: Path) -> None:
    size = path.stat().st_size
    digest.update(str(size).encode())
    blocks = min(BLOCKS, -(-size // BLOCK))
    with open(path, "rb") as file:
        for number in range(blocks):
            file.seek(number * BLOCK if blocks < BLOCKS else number * (size - BLOCK) // (BLOCKS - 1))
            digest.update(file.read(BLOCK))


def _downloaded_config(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, "config.json")
    except HFValidationError:  # such as hdfs://...
        return None
    return Path(found) if isinstance(found, str) else None
