"""An answer that the server gave up, or that lacks log-probabilities, is a lost session and no turn."""

import asyncio
from typing import Any

import numpy as np
import pytest
from builders import HINT, RIGHT, SAMPLING, episode_of, row

from verl_reflect.rollout.server_answer import refuse_unusable


@pytest.mark.parametrize("reason", ["abort", "aborted"])
def test_what_the_server_gave_up_is_no_turn(reason: str) -> None:
    with pytest.raises(RuntimeError, match=f"gave up a request after 2 tokens .stop reason: {reason}"):
        refuse_unusable([1, 2], reason, None, log_probs_asked=False)


@pytest.mark.parametrize("reason", ["completed", "stop", "length", None])
def test_other_reasons_end_a_turn(reason: str | None) -> None:
    refuse_unusable([1, 2], reason, None, log_probs_asked=False)


@pytest.mark.parametrize("log_probs", [None, [], [-0.5], [-0.5, None]])
def test_every_token_that_is_trained_has_its_log_probability(log_probs: Any) -> None:
    with pytest.raises(RuntimeError, match="log-probabilities for 2 tokens that are to be trained"):
        refuse_unusable([1, 2], "stop", log_probs, log_probs_asked=True)
    refuse_unusable([1, 2], "stop", [-0.5, -0.1], log_probs_asked=True)
    refuse_unusable([1, 2], "stop", log_probs, log_probs_asked=False)


async def test_a_session_whose_server_aborts_is_lost(make_loop: Any, scripted: Any) -> None:
    server = scripted(HINT, RIGHT, stop_reason="abort")
    with pytest.raises(RuntimeError, match="gave up a request"):
        await make_loop(server).run(SAMPLING, **row())


async def test_the_experts_of_the_trained_turn_are_in_its_row(make_loop: Any, scripted: Any) -> None:
    """verl aligns them with the row's tokens itself."""
    experts = np.zeros((40, 2, 2), dtype=np.int16)
    [output] = await make_loop(scripted(HINT, RIGHT, routed_experts=experts)).run(SAMPLING, **row())
    assert output.routed_experts is experts
    fields = output.as_dict()
    assert fields["routed_experts"].shape[0] == len(output.prompt_ids) + len(output.response_ids)
    [plain] = await make_loop(scripted(HINT, RIGHT)).run(SAMPLING, **row())
    assert "routed_experts" not in plain.as_dict()


async def test_with_a_seed_every_turn_of_every_session_has_its_own(make_loop: Any, scripted: Any) -> None:
    server = scripted(*[HINT] * 3, *[RIGHT] * 6)
    loop = make_loop(server, "reflect.retries_per_reflection=2")
    sessions = [loop.run({**SAMPLING, "seed": 7}, **row(session_id=number)) for number in range(3)]
    outputs = await asyncio.gather(*sessions)
    seeds = [request["seed"] for request in server.requests]
    assert len(seeds) == len(set(seeds)) == 9 and all(episode_of(output).reflection for [output] in outputs)


async def test_without_a_seed_none_is_sent(make_loop: Any, scripted: Any) -> None:
    server = scripted(HINT, RIGHT)
    await make_loop(server).run(SAMPLING, **row())
    assert all("seed" not in request for request in server.requests)
