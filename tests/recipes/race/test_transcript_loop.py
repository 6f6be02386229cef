"""The loop that somebody would write with verl's own: it must do the method's work, or the race were not fair."""

from functools import partial
from typing import Any

from builders import HINT, RIGHT, SAMPLING, WRONG, row

from recipes.race.transcript_loop import TranscriptLoop

REQUEST = "You got it wrong . Reflect on what went wrong ."
LOOP = partial(TranscriptLoop, limits=(32, 24, 32), request=REQUEST)


async def test_a_failure_is_reflected_on_and_tried_again(make_loop: Any, scripted: Any) -> None:
    server = scripted(WRONG, HINT, RIGHT)
    output = await make_loop(server, cls=LOOP).run(SAMPLING, **row())
    assert output.reward_score == 1.0 and output.num_turns == 6
    assert [request["max_tokens"] for request in server.requests] == [32, 24, 32]
    assert REQUEST in server.seen(1) and HINT in server.seen(2) and server.seen(2).count("Make 24") == 2
    for before, after in zip(server.requests, server.requests[1:], strict=False):
        assert after["prompt_ids"][: len(before["prompt_ids"])] == before["prompt_ids"], "the context only grows"


async def test_every_turn_is_trained_and_nothing_else(make_loop: Any, scripted: Any) -> None:
    server = scripted(WRONG, HINT, WRONG)
    output = await make_loop(server, cls=LOOP).run(SAMPLING, **row())
    trained = [token for token, kept in zip(output.response_ids, output.response_mask, strict=True) if kept]
    said = [[*server.ids(text), server.tokenizer.eos_token_id] for text in (WRONG, HINT, WRONG)]
    assert trained == [token for turn in said for token in turn]
    assert output.reward_score == 0.0 and len(output.response_logprobs) == len(output.response_ids)


async def test_a_session_makes_its_own_attempt_and_ends_where_it_passes(make_loop: Any, scripted: Any) -> None:
    output = await make_loop(scripted(RIGHT), cls=LOOP).run(SAMPLING, **row(first_attempt=WRONG))
    assert output.reward_score == 1.0 and output.num_turns == 2 and all(output.response_mask)
