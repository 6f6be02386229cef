"""verl's own rollout replicas (vLLM, SGLang) as servers: one for each tensor-parallel group of the cluster's GPUs.

They are started as verl's `trainer/main_generation_server.py` starts them: standalone, with the model's weights, on the
Ray cluster and the nodes that the configuration names for training.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import ray
from omegaconf import DictConfig

from verl_reflect.checks.cluster import ray_arguments
from verl_reflect.checks.run import Run
from verl_reflect.rollout.server_answer import refuse_unusable
from verl_reflect.serving.bundled import SECONDS_FOR_A_SIGN_OF_LIFE, BundledServer
from verl_reflect.serving.fleet import Server
from verl_reflect.serving.prompts import Prompts

OVERRIDES = (
    "actor_rollout_ref.rollout.load_format=auto",  # verl's default is dummy: its trainer sends the weights
    "actor_rollout_ref.rollout.gpu_memory_utilization=0.9",  # nothing else is on the GPU
    "actor_rollout_ref.rollout.free_cache_engine=false",
    "actor_rollout_ref.rollout.agent.num_workers=1",  # this process, which has all judging processes of its node
    "++actor_rollout_ref.rollout.enable_sleep_mode=false",
    "++ray_kwargs.ray_init.log_to_driver=false",  # stdout is for the result, stderr for the progress
)
"""Where generating alone wants something else than training. The user's own overrides go after these."""


@dataclass(frozen=True)
class ReplicaServer:
    """One replica.

    Args:
        name: Its address.
        handle: The Ray actor that takes token ids and answers with token ids.
        sampling_params: Of every request, unless it says otherwise.
        timeout: Seconds for one answer.
    """

    name: str
    handle: Any
    sampling_params: dict[str, Any]
    timeout: float

    async def generate(self, prompt_ids: Sequence[int], **sampling_params: Any) -> list[int]:
        """The token ids of one answer."""
        return await self._ask(prompt_ids, {**self.sampling_params, **sampling_params}, self.timeout)

    async def alive(self) -> bool:
        """Whether it can answer a token with a token."""
        try:
            await self._ask([0], {**self.sampling_params, "max_tokens": 1}, SECONDS_FOR_A_SIGN_OF_LIFE)
        except Exception:  # of Ray, of the server, of its engine
            return False
        return True

    async def _ask(self, prompt_ids: Sequence[int], sampling_params: dict[str, Any], timeout: float) -> list[int]:
        async def answer() -> Any:
            return await self.handle.generate.remote(
                prompt_ids=list(prompt_ids), sampling_params=dict(sampling_params), request_id=uuid4().hex
            )

        output = await asyncio.wait_for(answer(), timeout)
        refuse_unusable(output.token_ids, output.stop_reason, output.log_probs, log_probs_asked=False)
        return list(output.token_ids)


def sampling_params(config: DictConfig) -> dict[str, Any]:
    """verl's for training rollouts, with the token limit of a first attempt."""
    rollout = config.actor_rollout_ref.rollout
    return {
        "temperature": rollout.temperature,
        "top_p": rollout.top_p,
        "top_k": rollout.top_k,
        "repetition_penalty": 1.0,
        "max_tokens": config.reflect.max_attempt_tokens,
    }


async def start(config: DictConfig) -> list[Server]:
    """Start the replicas, on the Ray cluster if there is one (RAY_ADDRESS) and else on this machine. Takes minutes."""
    _connect(config)
    rollout = config.actor_rollout_ref.rollout
    stepped = can_be_stepped(rollout)
    replica_class = _replica_class(rollout.name, stepped)
    replicas = [
        replica_class(
            replica_rank=rank,
            config=rollout,
            model_config=config.actor_rollout_ref.model,
            gpus_per_node=config.trainer.n_gpus_per_node,
        )
        for rank in range(count(config))
    ]
    await asyncio.gather(*(replica.init_standalone() for replica in replicas))
    stops = {"stop_token_ids": list(Prompts(Run(config)).stop_ids)}
    parameters, timeout = {**sampling_params(config), **stops}, config.reflect.generation_timeout
    server: Any = BundledServer if stepped else ReplicaServer
    return [server(each.server_address, each.server_handle, parameters, timeout) for each in replicas]


def stop() -> None:
    """End the replicas, and Ray if it was started here."""
    ray.shutdown()


def count(config: DictConfig) -> int:
    """Replicas that fit the GPUs. Raises ValueError if not even one does."""
    rollout, trainer = config.actor_rollout_ref.rollout, config.trainer
    gpus = trainer.nnodes * trainer.n_gpus_per_node
    each = rollout.tensor_model_parallel_size * rollout.data_parallel_size * rollout.pipeline_model_parallel_size
    if gpus < each:
        raise ValueError(f"A server takes {each} GPUs and trainer.nnodes x trainer.n_gpus_per_node is {gpus}.")
    return int(gpus // each)


def can_be_stepped(rollout: DictConfig) -> bool:
    """Whether a replica is one vLLM engine, which its server can drive (`stepped_vllm.py`).

    SGLang and a data-parallel group of engines are asked as verl's training asks them.
    """
    return bool(rollout.name == "vllm" and rollout.data_parallel_size == 1)


def _replica_class(engine: str, stepped: bool) -> Any:
    if stepped:
        from verl_reflect.serving.stepped_vllm import SteppedReplica

        return SteppedReplica
    from verl.workers.rollout.replica import get_rollout_replica_class

    return get_rollout_replica_class(engine)


def _connect(config: DictConfig) -> None:
    """As verl's `main_ppo.run_ppo` does."""
    if not ray.is_initialized():
        ray.init(**ray_arguments(config))
