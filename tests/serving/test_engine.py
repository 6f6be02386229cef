"""verl's replicas as servers, with a Ray actor that follows a script."""

import asyncio
from typing import Any

import pytest
from builders import compose_config
from verl.workers.rollout.replica import TokenOutput

from verl_reflect.serving.engine import ReplicaServer, can_be_stepped, count


class Handle:
    """Stands for the Ray actor of a replica: `handle.generate.remote(...)` gives something to wait for."""

    def __init__(self, output: Any = None, seconds: float = 0.0):
        self.output, self.seconds = output, seconds
        self.asked: list[dict[str, Any]] = []
        self.generate = self

    async def remote(self, **request: Any) -> Any:
        self.asked.append(request)
        request["sampling_params"].pop("max_tokens")  # as verl's servers do
        await asyncio.sleep(self.seconds)
        if isinstance(self.output, Exception):
            raise self.output
        return self.output


def replica(handle: Handle) -> ReplicaServer:
    return ReplicaServer("10.0.0.1:80", handle, {"max_tokens": 8, "temperature": 1.0}, timeout=0.05)


def test_a_replica_is_asked_for_tokens_and_every_request_has_its_own_name_and_parameters() -> None:
    handle = Handle(TokenOutput(token_ids=[5, 6], stop_reason="completed"))
    server = replica(handle)
    assert [asyncio.run(server.generate([1, 2])) for _ in range(2)] == [[5, 6], [5, 6]]
    assert asyncio.run(server.alive())
    first, second, sign_of_life = handle.asked
    assert first["prompt_ids"] == [1, 2] and first["sampling_params"] == {"temperature": 1.0}
    assert first["request_id"] != second["request_id"]
    assert len(sign_of_life["prompt_ids"]) == 1


@pytest.mark.parametrize(
    "handle",
    [
        Handle(TokenOutput(token_ids=[], stop_reason="aborted")),
        Handle(TokenOutput(token_ids=[5], stop_reason="aborted")),
        Handle(TokenOutput(token_ids=[])),
        Handle(RuntimeError("the actor is dead")),
        Handle(TokenOutput(token_ids=[5]), seconds=1.0),
    ],
)
def test_a_replica_that_gives_no_answer_in_time_raises(handle: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verl_reflect.serving.engine.SECONDS_FOR_A_SIGN_OF_LIFE", 0.05)
    with pytest.raises((RuntimeError, TimeoutError, asyncio.TimeoutError)):
        asyncio.run(replica(handle).generate([1]))
    assert not asyncio.run(replica(handle).alive())


@pytest.mark.parametrize(
    ("chosen", "stepped"),
    [
        ([], True),
        (["actor_rollout_ref.rollout.tensor_model_parallel_size=4"], True),
        (["actor_rollout_ref.rollout.name=sglang"], False),
        (["actor_rollout_ref.rollout.data_parallel_size=2"], False),
    ],
)
def test_one_vllm_engine_is_stepped_and_others_are_asked_as_training_asks_them(
    chosen: list[str], stepped: bool
) -> None:
    assert can_be_stepped(compose_config("+recipe=reflect_grpo", *chosen).actor_rollout_ref.rollout) == stepped


def test_servers_are_counted_over_all_nodes() -> None:
    shape = ["trainer.nnodes=3", "actor_rollout_ref.rollout.tensor_model_parallel_size=4"]
    assert count(compose_config("+recipe=reflect_grpo", *shape)) == 6
