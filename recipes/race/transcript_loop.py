"""Reflect and retry as one would write it with verl's own agent loop: the whole transcript is the row.

Each session makes its own first attempt, so a group's sessions differ in what they reflect on; every turn is trained
with the verdict on the last one. A first attempt that passes ends its session.
"""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from verl.experimental.agent_loop.agent_loop import AgentLoopBase, AgentLoopMetrics, AgentLoopOutput

from verl_reflect.reward import compute_score


class TranscriptLoop(AgentLoopBase):
    """Attempt, reflection and retry, until one passes."""

    tokenizer: Any  # a Hugging Face tokenizer; verl annotates the factory class

    def __init__(self, *args: Any, limits: Sequence[int], request: str, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.limits, self.request = limits, request

    async def run(self, sampling_params: dict[str, Any], **row: Any) -> AgentLoopOutput:
        """One session as one row; its reward is the verdict on the last attempt."""
        messages = list(row["raw_prompt"])
        prompt = ids = await self.ct_build_initial_tokens(messages)
        mask: list[int] = []
        log_probs: list[float] = []
        server, score = uuid4().hex, 0.0
        for turn, limit in enumerate(self.limits):
            answer = await self.server_manager.generate(
                request_id=server, prompt_ids=ids, sampling_params={**sampling_params, "max_tokens": limit}
            )
            merged, mask, log_probs = await self.ct_merge_assistant_token(
                ids, answer.token_ids, mask, log_probs, assistant_logprobs=answer.log_probs
            )
            ids = merged.token_ids
            text = self.tokenizer.decode(answer.token_ids, skip_special_tokens=True)
            if turn != 1:
                score = float(compute_score(row["data_source"], text, row["reward_model"]["ground_truth"])["score"])
            if turn == 2 or score == 1.0:
                break
            said = self.request if turn == 0 else row["raw_prompt"][-1]["content"]
            before = [*messages, {"role": "assistant", "content": text}]
            messages = [*before, {"role": "user", "content": said}]
            merged, mask, log_probs = await self.ct_merge_context_msg(before, messages, ids, mask, log_probs)
            ids = merged.token_ids
        return AgentLoopOutput(
            prompt_ids=prompt,
            response_ids=ids[len(prompt) :],
            response_mask=mask,
            response_logprobs=log_probs,
            reward_score=score,
            num_turns=len(messages) + 1,
            metrics=AgentLoopMetrics(),
            extra_fields={**answer.extra_fields, "reward_extra_info": {}},
        )
