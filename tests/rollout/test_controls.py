"""The controls against a scripted server: each is the method's rollout with one thing taken away."""

import asyncio
from typing import Any

import pytest
from builders import HINT, RIGHT, SAMPLING, WRONG, episode_of, row

from verl_reflect.rollout.controls import (
    BlindRetryAgentLoop,
    FirstTryAgentLoop,
    FixedReflectionAgentLoop,
    StoredReflectionAgentLoop,
    SwappedReflectionAgentLoop,
)


async def test_blind_retry_goes_from_the_attempt_straight_to_the_task(make_loop: Any, scripted: Any) -> None:
    server = scripted(RIGHT)
    [output] = await make_loop(server, cls=BlindRetryAgentLoop).run(SAMPLING, **row())
    assert server.seen(0).endswith(
        f"{WRONG}<|im_end|>\n<|im_start|>user\nMake 24 from 3 5 8 .<|im_end|>\n<|im_start|>assistant\n"
    )
    assert episode_of(output).reflection is None and [r.text for r in episode_of(output).retries] == [RIGHT]


async def test_plain_grpo_has_no_second_try(make_loop: Any, scripted: Any, tokenizer: Any) -> None:
    server = scripted(WRONG)
    loop = make_loop(server, "reflect.first_attempt=live", cls=FirstTryAgentLoop)
    [output] = await loop.run(SAMPLING, **row(first_attempt=None))
    assert tokenizer.decode(output.response_ids, skip_special_tokens=True) == WRONG
    assert len(server.requests) == 1 and server.requests[0]["logprobs"]


@pytest.mark.parametrize("stored", [None, WRONG])
async def test_a_live_attempt_counts_as_generated_even_where_the_row_carries_one(
    make_loop: Any, scripted: Any, stored: str | None
) -> None:
    loop = make_loop(scripted(WRONG), "reflect.first_attempt=live", cls=FirstTryAgentLoop)
    [output] = await loop.run(SAMPLING, **row(first_attempt=stored))
    assert episode_of(output).own_attempt


async def test_a_stored_reflection_takes_the_place_of_the_models_own(make_loop: Any, scripted: Any) -> None:
    server = scripted(RIGHT)
    loop = make_loop(server, cls=StoredReflectionAgentLoop)
    [output] = await loop.run(SAMPLING, **row(reflection=HINT, is_validation=True))
    assert f"{HINT}<|im_end|>\n<|im_start|>user\nMake 24" in server.seen(0)
    assert episode_of(output).reflection.text == HINT and [r.text for r in episode_of(output).retries] == [RIGHT]
    with pytest.raises(ValueError, match="use this control in validation"):
        await loop.run(SAMPLING, **row(reflection=HINT))


async def test_a_fixed_reflection_is_the_same_for_every_failure(make_loop: Any, scripted: Any) -> None:
    server = scripted(RIGHT)
    loop = make_loop(server, f"reflect.fixed_reflection='{HINT}'", cls=FixedReflectionAgentLoop)
    [output] = await loop.run(SAMPLING, **row(is_validation=True))
    assert f"{HINT}<|im_end|>\n<|im_start|>user\nMake 24" in server.seen(0)
    assert episode_of(output).reflection.text == HINT and len(server.requests) == 1


async def test_swapped_sessions_retry_after_each_others_reflection(make_loop: Any, scripted: Any) -> None:
    other = row(uid="other", is_validation=True, raw_prompt=[{"role": "user", "content": "Make 11 from 3 5 8 ."}])
    server = scripted(HINT, "hm", RIGHT, RIGHT)
    loop = make_loop(server, cls=SwappedReflectionAgentLoop)
    [one], [two] = await asyncio.gather(loop.run(SAMPLING, **row(is_validation=True)), loop.run(SAMPLING, **other))
    wrote_hint, wrote_hm = (one, two) if server.requests[0]["server"] == "uid-0" else (two, one)
    assert episode_of(wrote_hint).reflection.text == "hm" and episode_of(wrote_hm).reflection.text == HINT


async def test_a_swap_does_not_take_a_reflection_on_the_same_task_or_of_other_data(
    make_loop: Any, scripted: Any
) -> None:
    loop = make_loop(scripted(HINT, HINT, HINT), "reflect.generation_timeout=0.2", cls=SwappedReflectionAgentLoop)
    elsewhere = row(is_validation=True, data_source="countdown/other", raw_prompt=[{"role": "user", "content": "Hm ."}])
    sessions = (loop.run(SAMPLING, **row(uid=uid, is_validation=True)) for uid in ("one", "two"))
    ended = await asyncio.gather(*sessions, loop.run(SAMPLING, **elsewhere), return_exceptions=True)
    assert [type(error) for error in ended] == [asyncio.TimeoutError] * 3
