"""A model server that says what it is told to say, and remembers what it was asked."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from transformers import PreTrainedTokenizerFast
from verl.workers.rollout.replica import TokenOutput


@dataclass
class ScriptedServer:
    """Answers the n-th request with the n-th line: text (closed with the end of turn), ids, or an error to raise."""

    tokenizer: PreTrainedTokenizerFast
    lines: list[str | list[int] | Exception]
    seconds: float = 0.0
    stop_reason: str = "completed"
    routed_experts: Any = None
    cached_tokens: int | None = None
    requests: list[dict[str, Any]] = field(default_factory=list)

    async def generate(
        self, request_id: str, *, prompt_ids: list[int], sampling_params: dict[str, Any], **_: Any
    ) -> TokenOutput:
        self.requests.append({"server": request_id, "prompt_ids": prompt_ids, **sampling_params})
        line = self.lines[len(self.requests) - 1]
        await asyncio.sleep(self.seconds)
        if isinstance(line, Exception):
            raise line
        ids = line if isinstance(line, list) else [*self.ids(line), self.tokenizer.eos_token_id]
        ids = ids[: sampling_params["max_tokens"]]
        log_probs = [-0.5] * len(ids) if sampling_params.get("logprobs") else None
        return TokenOutput(
            token_ids=ids,
            log_probs=log_probs,
            routed_experts=self.routed_experts,
            stop_reason=self.stop_reason,
            extra_fields={"min_global_steps": 3, "num_cached_tokens": self.cached_tokens},
        )

    def ids(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False)

    def seen(self, request: int) -> str:
        """What the model saw, as text."""
        return self.tokenizer.decode(self.requests[request]["prompt_ids"])
