"""Weights reach servers of their own as they are, and leave no file behind."""

import subprocess
import sys
from pathlib import Path

from builders import compose_config

SYNC = """
import asyncio, torch, verl
from verl.checkpoint_engine import CheckpointEngineRegistry
from verl_reflect.cpu import weight_file

weight_file.SHARED_MEMORY = {folder!r}
ends = [CheckpointEngineRegistry.new("file", bucket_size=1, is_master=rank == 0) for rank in range(4)]
trainer, servers = ends[:2], ends[2:]
for number in range(2):
    paths = CheckpointEngineRegistry.get("file").build_topology(2, 2, [end.prepare() for end in ends])
    for end, path in zip(ends, [*paths[0]["path"], *paths[1]["path"]], strict=True):
        end.init_process_group(path=path)
    sent = {{"a": torch.full((2, 3), float(number), dtype=torch.bfloat16), "b": torch.arange(number + 1)}}

    async def receive(server):
        return {{name: weight async for name, weight in server.receive_weights(number)}}

    async def sync():
        waiting = [asyncio.ensure_future(receive(server)) for server in servers]
        await asyncio.sleep(0.05)
        await asyncio.gather(*(end.send_weights(iter(sent.items()), number) for end in trainer))
        return await asyncio.gather(*waiting)

    for received in asyncio.run(sync()):
        assert list(received) == ["a", "b"] and all(torch.equal(received[name], sent[name]) for name in sent)
    for end in ends:
        end.finalize()
"""


def test_every_server_gets_what_the_trainer_sent_at_every_sync(tmp_path: Path) -> None:
    """In a process of its own: verl chooses a device as it is imported."""
    done = subprocess.run([sys.executable, "-c", SYNC.format(folder=str(tmp_path))], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert not list(tmp_path.iterdir())


def test_the_hardware_group_has_it_imported() -> None:
    config = compose_config("+hardware=cpu")
    assert config.actor_rollout_ref.rollout.checkpoint_engine.custom_backend_module == "verl_reflect.cpu.weight_file"
