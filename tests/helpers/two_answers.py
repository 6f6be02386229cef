"""An agent loop of a user's own: whatever the model answers, it is asked to check it and to answer once more."""

from typing import Any

from verl.experimental.agent_loop.agent_loop import AgentLoopBase, AgentLoopMetrics, AgentLoopOutput

CHECK = "Check it ."


class TwoAnswers(AgentLoopBase):
    """Its last answer is the attempt's."""

    async def run(self, sampling_params: dict[str, Any], **row: Any) -> AgentLoopOutput:
        opening = await self.ct_build_initial_tokens(list(row["raw_prompt"]))
        ids, mask = list(opening), list[int]()
        for turn in range(2):
            output = await self.server_manager.generate(
                request_id=row["uid"], prompt_ids=ids, sampling_params=sampling_params
            )
            ids, mask = [*ids, *output.token_ids], [*mask, *[1] * len(output.token_ids)]
            if turn == 0:
                asked = self.tokenizer.encode(f"<|im_start|>user\n{CHECK}<|im_end|>\n<|im_start|>assistant\n")
                ids, mask = [*ids, *asked], [*mask, *[0] * len(asked)]
        return AgentLoopOutput(
            prompt_ids=opening,
            response_ids=ids[len(opening) :],
            response_mask=mask,
            num_turns=4,
            metrics=AgentLoopMetrics(),
        )
