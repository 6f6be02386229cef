"""Turns that span a change of the weights, through verl's own client, which breaks them off and goes on."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from builders import HINT, RIGHT, SAMPLING, episode_of, row
from omegaconf import DictConfig
from verl.workers.rollout import llm_server
from verl.workers.rollout.llm_server import FullyAsyncLLMServerClient
from verl.workers.rollout.replica import TokenOutput


class BreakingServer:
    """Gives the answer to each request in so many pieces, each under newer weights, with log-probabilities of its own.

    As its own load balancer it is the one server there is.
    """

    def __init__(self, tokenizer: Any, lines: list[str], pieces: list[int]):
        self.lines = [[*tokenizer.encode(line, add_special_tokens=False), tokenizer.eos_token_id] for line in lines]
        self.pieces, self.requests, self.weights = pieces, list[dict[str, Any]](), 7
        self.generate = SimpleNamespace(remote=self._generate)
        self.require_acquire_fields = self.require_release_fields = SimpleNamespace(remote=self._nothing)
        self.acquire_server = SimpleNamespace(remote=self._acquired)
        self.release_server = SimpleNamespace(remote=lambda **_: None)
        self._answer, self._left = list[int](), 0

    async def _nothing(self) -> list[str]:
        return []

    async def _acquired(self, **_: Any) -> tuple[str, "BreakingServer"]:
        return "server", self

    async def _generate(self, prompt_ids: list[int], sampling_params: dict[str, Any], **_: Any) -> TokenOutput:
        self.requests.append({"prompt_ids": prompt_ids, **sampling_params})
        if not self._left:
            self._answer, self._left = self.lines.pop(0), self.pieces.pop(0)
        self._left -= 1
        size = 3 if self._left else len(self._answer)
        piece, self._answer = self._answer[:size], self._answer[size:]
        log_probs = [-self.weights / 10] * len(piece) if sampling_params.get("logprobs") else None
        output = TokenOutput(
            token_ids=piece,
            log_probs=log_probs,
            stop_reason="aborted" if self._left else "completed",
            extra_fields={"global_steps": self.weights},
        )
        self.weights += bool(self._left)
        return output


@pytest.fixture
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """verl's client waits for a second before it goes on."""
    at_once = SimpleNamespace(gather=asyncio.gather, sleep=lambda seconds: asyncio.sleep(0))
    monkeypatch.setattr(llm_server, "asyncio", at_once)


@pytest.mark.usefixtures("without_pauses")
async def test_a_reflection_over_three_weights_is_trained_verbatim_with_the_log_probs_of_each(
    make_loop: Any, recipe_config: Callable[..., DictConfig], tokenizer: Any
) -> None:
    server = BreakingServer(tokenizer, [HINT, RIGHT], pieces=[3, 1])
    client: Any = FullyAsyncLLMServerClient(recipe_config(), server)
    client.tokenizer = tokenizer
    [output] = await make_loop(client).run(SAMPLING, **row())
    said = [*tokenizer.encode(HINT, add_special_tokens=False), tokenizer.eos_token_id]
    assert output.response_ids == said and output.response_mask == [1] * len(said)
    assert output.response_logprobs == pytest.approx([-0.7] * 3 + [-0.8] * 3 + [-0.9] * (len(said) - 6))
    assert (output.extra_fields["min_global_steps"], output.extra_fields["max_global_steps"]) == (7, 9)
    episode = episode_of(output)
    assert episode.attempt.weights is None, "it is of the data"
    assert (episode.reflection.weights, episode.retries[0].weights) == ((7, 9), (9, 9))
    assert [request["prompt_ids"][len(output.prompt_ids) :] for request in server.requests[:3]] == [
        [],
        said[:3],
        said[:6],
    ]
    assert [request["max_tokens"] for request in server.requests] == [16, 13, 10, 16]
