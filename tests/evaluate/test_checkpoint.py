"""Checkpoints as verl's FSDP engine writes them, as model folders."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Shard
from torch.testing._internal.distributed.fake_pg import FakeStore

from verl_reflect.demo.data import CHECKPOINT
from verl_reflect.evaluate import checkpoint
from verl_reflect.evaluate.checkpoint import hugging_face_folder

RANKS = 2


@pytest.fixture
def step(tmp_path: Path) -> Path:
    """`global_step_7` of the tiny model, its weights sharded over two ranks that never met."""
    actor = tmp_path / "global_step_7" / "actor"
    (actor / "huggingface").mkdir(parents=True)
    for file in CHECKPOINT.iterdir():
        if file.suffix != ".safetensors":
            shutil.copy(file, actor / "huggingface")
    (actor / "fsdp_config.json").write_text(json.dumps({"FSDP_version": 2, "world_size": RANKS}))
    for rank in range(RANKS):
        torch.distributed.init_process_group("fake", store=FakeStore(), rank=rank, world_size=RANKS)
        try:
            mesh = init_device_mesh("cpu", (RANKS,), mesh_dim_names=("fsdp",))
            shards = {
                name: DTensor.from_local(weight.chunk(RANKS)[rank].clone(), mesh, [Shard(0)], run_check=False)
                for name, weight in load_file(CHECKPOINT / "model.safetensors").items()
            }
            torch.save(shards, actor / f"model_world_size_{RANKS}_rank_{rank}.pt")
        finally:
            torch.distributed.destroy_process_group()
    return tmp_path / "global_step_7"


def test_shards_are_merged_once_by_verls_own_merger(step: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(hugging_face_folder(str(step)))
    merged, original = load_file(folder / "model.safetensors"), load_file(CHECKPOINT / "model.safetensors")
    for name, weight in merged.items():
        assert torch.equal(weight, original[name].bfloat16()), name
    assert set(merged) | {"lm_head.weight"} == set(original) | {"lm_head.weight"}
    assert (folder / "tokenizer.json").read_bytes() == (CHECKPOINT / "tokenizer.json").read_bytes()
    merges: list[Path] = []
    monkeypatch.setattr(checkpoint, "_run_merger", lambda actor, target: (target.mkdir(), merges.append(actor)))
    assert hugging_face_folder(str(step / "actor")) == str(folder) and not merges
    (step / "actor" / "model_world_size_2_rank_1.pt").touch()
    assert hugging_face_folder(str(step)) == str(folder) and merges == [step / "actor"], "these are other weights"


def test_a_checkpoint_without_all_its_shards_is_refused(step: Path) -> None:
    (step / "actor" / "model_world_size_2_rank_1.pt").unlink()
    with pytest.raises(ValueError, match=r"verl's merger could not merge .*rank_1\.pt"):
        hugging_face_folder(str(step))
    assert not list((step / "actor").glob("*merged*")), "nothing half is left"


def test_weights_that_verl_saved_as_a_model_are_taken_as_they_are(step: Path) -> None:
    saved = step / "actor" / "huggingface"
    shutil.copy(CHECKPOINT / "model.safetensors", saved)
    assert hugging_face_folder(str(step)) == hugging_face_folder(str(step / "actor")) == str(saved)


def test_other_paths_stay_as_they_are() -> None:
    for path in (str(CHECKPOINT), "Qwen/Qwen2.5-1.5B-Instruct", "/no/such/folder"):
        assert hugging_face_folder(path) == path


def test_megatrons_checkpoints_are_named(step: Path) -> None:
    (step / "actor" / "model" / "dist_ckpt").mkdir(parents=True)
    with pytest.raises(ValueError, match="is Megatron's; merge it with python -m"):
        hugging_face_folder(str(step))
