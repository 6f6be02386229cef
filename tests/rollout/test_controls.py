"""The controls against a scripted server: each is the method's rollout with one thing taken away."""

from typing import Any

import pytest
from builders import HINT, RIGHT, SAMPLING, WRONG, episode_of, row
from hydra.utils import get_class

from verl_reflect.config import CONTROLS
from verl_reflect.rollout.controls import (
    BlindRetryAgentLoop,
    FirstTryAgentLoop,
    FixedReflectionAgentLoop,
    StoredReflectionAgentLoop,
    SwappedReflectionAgentLoop,
)
from verl_reflect.rollout.loop import RetryAgentLoop
from verl_reflect.rollout.ways import WAYS


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


async def test_a_swapped_session_reflects_on_the_other_failure_and_retries_its_own_task(
    make_loop: Any, scripted: Any
) -> None:
    other = [{"role": "user", "content": "Make 11 from 3 5 8 ."}]
    server = scripted(HINT, RIGHT)
    loop = make_loop(server, cls=SwappedReflectionAgentLoop)
    swapped = row(is_validation=True, other_prompt=other, other_attempt="<answer> 3 + 5 </answer>")
    [output] = await loop.run(SAMPLING, **swapped)
    assert "Make 11" in server.seen(0) and "3 + 5 <" in server.seen(0) and "Make 24" not in server.seen(0)
    assert "Make 11" not in server.seen(1)
    assert f"{WRONG}<|im_end|>\n<|im_start|>user\nReflect on what went wrong .<|im_end|>\n" in server.seen(1)
    assert f"{HINT}<|im_end|>\n<|im_start|>user\nMake 24" in server.seen(1)
    assert episode_of(output).reflection.text == HINT and [r.text for r in episode_of(output).retries] == [RIGHT]


async def test_a_swap_needs_another_failure_and_is_no_training(make_loop: Any, scripted: Any) -> None:
    with pytest.raises(ValueError, match="needs rows with columns other_prompt and other_attempt"):
        await make_loop(scripted(), cls=SwappedReflectionAgentLoop).run(SAMPLING, **row(is_validation=True))
    other = dict(other_prompt=row()["raw_prompt"], other_attempt=WRONG)
    with pytest.raises(ValueError, match="use this control in validation"):
        await make_loop(scripted(HINT), cls=SwappedReflectionAgentLoop).run(SAMPLING, **row(**other))


def test_the_table_of_ways_names_loops() -> None:
    assert all(issubclass(get_class(way.target), RetryAgentLoop) for way in WAYS.values())


def test_every_control_has_its_way() -> None:
    assert {control.agent_loop for control in CONTROLS.values()} <= {way.loop for way in WAYS.values()}
