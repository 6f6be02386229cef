"""verl's vLLM replica with the engine in the server's own process, for commands that only ask.

verl's server makes vLLM's arguments of `actor_rollout_ref.rollout`, engine_kwargs, quantization and LoRA, and hands
them to `run_server`. This one takes them there, word for word, and makes the engine of vLLM's `LLM` of them instead of
the one that serves HTTP: what a user sets reaches it as it reaches the training's, and so does verl's ban of tokens
that the tokenizer has not. Left out is what only asking does without: HTTP, pauses, new weights.
"""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

import ray
from verl.workers.rollout.utils import get_vision_placeholder_token_ids
from verl.workers.rollout.vllm_rollout.vllm_async_server import vLLMHttpServer, vLLMReplica
from vllm import EngineArgs, SamplingParams, TokensPrompt
from vllm.sampling_params import RequestOutputKind
from vllm.usage.usage_lib import UsageContext
from vllm.v1.engine.llm_engine import LLMEngine

from verl_reflect.serving.stepping import Question, Reply, Stepping


class VllmEngine:
    """vLLM's engine as `Stepping` wants it.

    Args:
        longest: `rollout.max_model_len`: tokens of a prompt and its answer together.
        usual: Sampling parameters where a question says nothing.
    """

    def __init__(self, engine: LLMEngine, longest: int, usual: Mapping[str, Any]):
        self._engine, self._longest, self._usual = engine, longest, usual

    def add(self, question: Question) -> None:
        """Ask for each answer apart. Raises ValueError for a prompt that leaves no room for an answer."""
        prompt = TokensPrompt(prompt_token_ids=list(question.prompt_ids))
        parameters = self._parameters(question)
        for key in question.keys:
            self._engine.add_request(str(key), prompt, parameters)

    def step(self) -> list[Reply]:
        """A token for every answer that is being written."""
        return [_reply(output) for output in self._engine.step() if output.finished]

    def _parameters(self, question: Question) -> SamplingParams:
        given = {**self._usual, **question.sampling_params}
        room = self._longest - len(question.prompt_ids)
        if room < 1:
            raise ValueError(f"a prompt of {len(question.prompt_ids)} tokens fills rollout.max_model_len.")
        given["max_tokens"] = min(given["max_tokens"], room)
        given.pop("logprobs", None)  # a turn says whether it is trained on; here none is
        return SamplingParams(**given, detokenize=False, output_kind=RequestOutputKind.FINAL_ONLY)


def _reply(output: Any) -> Reply:
    """Of a `RequestOutput` of vLLM's."""
    answer = output.outputs[0]
    return Reply(int(output.request_id), list(answer.token_ids), answer.finish_reason)


class SteppedServer(vLLMHttpServer):
    """The Ray actor."""

    async def run_server(self, args: Namespace) -> None:
        """Load the model. `args` are what verl would start `vllm serve` with."""
        engine = LLMEngine.from_engine_args(EngineArgs.from_cli_args(args), UsageContext.OPENAI_API_SERVER)
        banned = get_vision_placeholder_token_ids(self.model_config.processor)
        known = len(self.model_config.tokenizer)
        engine.collective_rpc("monkey_patch_model", kwargs={"vocab_size": known, "banned_token_ids": banned})
        usual: dict[str, Any] = {"ignore_eos": self.config.ignore_eos}
        if self.config.full_determinism:
            usual["seed"] = self.replica_rank + self.config.seed
        self._stepping = Stepping(VllmEngine(engine, self.config.max_model_len, usual))

    def get_server_address(self) -> tuple[str, int]:
        """Its node and its number: it is no HTTP server and has no port."""
        return self._server_address, self.replica_rank

    async def ask(self, questions: Sequence[Question]) -> None:
        """Take questions."""
        self._stepping.ask(questions)

    async def fetch(self) -> list[Reply]:
        """Wait for answers."""
        return await self._stepping.fetch()


class SteppedReplica(vLLMReplica):
    """verl's replica, with that server."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.server_class = ray.remote(SteppedServer)
