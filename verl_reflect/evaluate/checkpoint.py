"""A checkpoint of verl as a model folder, through verl's own merger.

verl saves `global_step_N/actor`: the shards of FSDP's ranks (`model_world_size_W_rank_R.pt`), and in `huggingface` the
configuration, the tokenizer and, if `actor.checkpoint.save_contents` has `hf_model`, the weights.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from verl_reflect.records.model_identity import WEIGHT_FILES
from verl_reflect.records.whole_file import temporary_path

SHARDS = "model_world_size_*_rank_*.pt"
MERGED, MERGED_FROM = "merged", "merged_from.json"


def hugging_face_folder(path: str) -> str:
    """The model folder of a checkpoint of verl's; any other path as it is.

    The shards are merged once, into `merged` beside them (verl's merger writes bfloat16). Weights that verl saved as a
    model are taken as they are.

    Args:
        path: `.../global_step_N`, or `actor` in it.

    Raises:
        ValueError: in one sentence, for a checkpoint that cannot be merged.
    """
    folder = Path(os.path.expanduser(path))
    actor = folder / "actor" if (folder / "actor").is_dir() else folder
    saved, shards = actor / "huggingface", sorted(actor.glob(SHARDS))
    if (actor / "model" / "dist_ckpt").is_dir():
        raise ValueError(
            f"{actor} is Megatron's; merge it with python -m verl.model_merger merge --backend megatron --local_dir "
            f"{actor} --target_dir FOLDER, and evaluate FOLDER."
        )
    if saved.is_dir() and any(any(saved.glob(pattern)) for pattern in WEIGHT_FILES):
        return str(saved)
    if not shards:
        return path
    return str(_merged(actor, shards))


def _merged(actor: Path, shards: list[Path]) -> Path:
    """The merged model, made unless it is there and of these shards."""
    target, origin = actor / MERGED, _identity(shards)
    note = target / MERGED_FROM
    if note.is_file() and note.read_text() == origin:
        return target
    hidden = temporary_path(target)
    try:
        _run_merger(actor, hidden)
        (hidden / MERGED_FROM).write_text(origin)
        shutil.rmtree(target, ignore_errors=True)
        hidden.rename(target)
    except OSError as error:
        raise ValueError(f"The merged model cannot be written beside its shards: {error}") from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return target


def _run_merger(actor: Path, target: Path) -> None:
    command = [sys.executable, "-m", "verl.model_merger", "merge", "--backend", "fsdp"]
    command += ["--local_dir", str(actor), "--target_dir", str(target)]
    print(f"verl-reflect: merging {actor} ...", file=sys.stderr)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ValueError(f"verl's merger could not merge {actor}: {why}")


def _identity(shards: list[Path]) -> str:
    """Names, sizes and times of the shards: other ones at the same place are another model."""
    return json.dumps([[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in shards])
