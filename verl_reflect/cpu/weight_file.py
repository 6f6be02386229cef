"""Weights on their way from the trainer to servers of their own, on one machine without accelerators: a file in memory.

verl's `separate_async` wants a checkpoint engine other than `naive`, and its own are all of accelerators (nccl, hccl,
nixl, mooncake, kimi: buffers on the device, cupy or torch_npu at import). This one is verl's contract for such an
engine, by its public registry, with `checkpoint_engine.custom_backend_module` to import it and `backend=file` to choose
it. It is no faster way for GPUs: every server reads all weights from the same file.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import torch
from verl.checkpoint_engine import CheckpointEngine, CheckpointEngineRegistry

SHARED_MEMORY = "/dev/shm"
SECONDS_BETWEEN_LOOKS = 0.02


@CheckpointEngineRegistry.register("file")
class WeightFile(CheckpointEngine):
    """One end: the trainer's first process writes the file, and every server reads it.

    Args:
        bucket_size: verl's, which a file does not need.
        is_master: This is the trainer's first process.
    """

    def __init__(self, bucket_size: int, is_master: bool = False):
        self._is_master = is_master
        self._path = Path()

    def prepare(self) -> dict[str, Any]:
        """Where the weights of the next sync will be; said by the first process alone."""
        if not self._is_master:
            return {}
        memory = SHARED_MEMORY if os.path.isdir(SHARED_MEMORY) else None
        return {"path": os.path.join(tempfile.mkdtemp(prefix="verl_reflect_weights_", dir=memory), "weights.pt")}

    @classmethod
    def build_topology(
        cls, actor_wg_world_size: int, rollout_world_size: int, metadata: list[dict[str, Any]]
    ) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
        """Tell everybody the path."""
        path = metadata[0]["path"]
        return {"path": [path] * actor_wg_world_size}, {"path": [path] * rollout_world_size}

    def init_process_group(self, **kwargs: Any) -> None:
        """Remember the `path`."""
        self._path = Path(kwargs["path"])

    async def send_weights(self, weights: Iterable[tuple[str, torch.Tensor]], global_steps: int | None = None) -> None:
        """Write them. Every process of the trainer goes through them: they are gathered from all of them."""
        gathered = {name: weight.detach().clone() for name, weight in weights}
        if self._is_master:
            unfinished = self._path.with_suffix(".unfinished")
            torch.save(gathered, unfinished)
            unfinished.rename(self._path)

    async def receive_weights(  # type: ignore[override]  # verl iterates over it, its annotation does not say so
        self, global_steps: int | None = None
    ) -> AsyncIterator[tuple[str, torch.Tensor]]:
        """Read them as soon as they are there."""
        while not self._path.exists():
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        for name, weight in torch.load(self._path).items():
            yield name, weight

    def finalize(self) -> None:
        """Everybody has read them."""
        if self._is_master:
            self._path.unlink()
            self._path.parent.rmdir()
