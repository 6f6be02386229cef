"""The loop against a scripted server: the order of the turns, what is trained, and every edge."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from builders import HINT, RIGHT, SAMPLING, WRONG, episode_of, row
from verl.experimental.agent_loop.agent_loop import DictConfigWrap

from verl_reflect.records.transcripts import NOT_GIVEN_AWAY
from verl_reflect.rollout.judge import VerifierError
from verl_reflect.tasks.countdown import Countdown


async def test_the_row_is_task_attempt_request_and_reflection(make_loop: Any, scripted: Any, tokenizer: Any) -> None:
    server = scripted(HINT, RIGHT)
    [output] = await make_loop(server).run(SAMPLING, **row())
    assert tokenizer.decode(output.prompt_ids) == (
        "<|im_start|>user\nMake 24 from 3 5 8 .<|im_end|>\n<|im_start|>assistant\n"
        f"{WRONG}<|im_end|>\n<|im_start|>user\nReflect on what went wrong .<|im_end|>\n<|im_start|>assistant\n"
    )
    assert output.response_ids == [*server.ids(HINT), tokenizer.eos_token_id]
    assert output.response_mask == [1] * len(output.response_ids)
    assert output.response_logprobs == [-0.5] * len(output.response_ids)
    assert output.reward_score is None, "paying is the reward manager's work"
    assert output.extra_fields["min_global_steps"] == 3


async def test_the_retry_sees_everything_and_the_task_again(make_loop: Any, scripted: Any) -> None:
    server = scripted(HINT, RIGHT)
    await make_loop(server).run(SAMPLING, **row())
    assert server.seen(1) == server.seen(0) + (
        f"{HINT}<|im_end|>\n<|im_start|>user\nMake 24 from 3 5 8 .<|im_end|>\n<|im_start|>assistant\n"
    )


async def test_context_only_grows(make_loop: Any, scripted: Any) -> None:
    server = scripted(WRONG, HINT, RIGHT)
    await make_loop(server, "reflect.first_attempt=live").run(SAMPLING, **row(first_attempt=None))
    attempt, reflection, retry = (request["prompt_ids"] for request in server.requests)
    assert reflection[: len(attempt)] == attempt
    assert retry[: len(reflection)] == reflection
    assert retry[len(reflection) :][: len(server.ids(HINT))] == server.ids(HINT)


async def test_log_probs_are_asked_for_the_reflection_only(make_loop: Any, scripted: Any) -> None:
    server = scripted(WRONG, HINT, RIGHT)
    await make_loop(server, "reflect.first_attempt=live").run(SAMPLING, **row(first_attempt=None))
    assert [request["logprobs"] for request in server.requests] == [False, True, False]


async def test_a_transcript_says_what_the_server_was_given_and_what_of_it_was_cached(
    make_loop: Any, scripted: Any
) -> None:
    server = scripted(WRONG, HINT, RIGHT, HINT, RIGHT, cached_tokens=16)
    for changes in ({"first_attempt": None}, {"uid": "another"}):
        source = "dataset" if "uid" in changes else "live"
        [output] = await make_loop(server, f"reflect.first_attempt={source}").run(SAMPLING, **row(**changes))
        episode = episode_of(output)
        said = [episode.attempt, episode.reflection, *episode.retries]
        given = [len(request["prompt_ids"]) for request in server.requests[-2:]]
        assert [turn.prompt_tokens for turn in said[1:]] == given
        assert [turn.cached_tokens for turn in said] == [16 if source == "live" else None, 16, 16]


async def test_each_turn_has_its_own_limit(make_loop: Any, scripted: Any) -> None:
    server = scripted(WRONG, HINT, RIGHT)
    loop = make_loop(
        server, "reflect.first_attempt=live", "reflect.max_attempt_tokens=14", "reflect.max_retry_tokens=15"
    )
    await loop.run(SAMPLING, **row(first_attempt=None))
    assert [request["max_tokens"] for request in server.requests] == [14, 16, 15]


async def test_sessions_of_a_group_share_one_live_attempt_and_one_server(make_loop: Any, scripted: Any) -> None:
    server = scripted(WRONG, *[HINT] * 4, *[RIGHT] * 4, seconds=0.01)
    loop = make_loop(server, "reflect.first_attempt=live")
    sessions = [loop.run(SAMPLING, **row(first_attempt=None, session_id=i)) for i in range(4)]
    outputs = await asyncio.gather(*sessions)
    assert len(server.requests) == 1 + 4 + 4
    assert {request["server"] for request in server.requests} == {"uid"}
    assert len({tuple(output.prompt_ids) for [output] in outputs}) == 1
    assert not loop.shared.first_tries, "shared attempts go with their sessions"


async def test_a_task_is_attempted_until_an_attempt_fails(make_loop: Any, scripted: Any) -> None:
    server = scripted(RIGHT, RIGHT, WRONG, HINT, RIGHT)
    loop = make_loop(server, "reflect.first_attempt=live", "reflect.max_attempts=3")
    [output] = await loop.run(SAMPLING, **row(first_attempt=None))
    episode = episode_of(output)
    assert episode.attempt.text == WRONG and episode.attempts == 3
    assert episode.attempts_tokens == 3 * episode.attempt.tokens and not episode.own_attempt


async def test_a_task_that_passes_every_attempt_leaves_no_row(make_loop: Any, scripted: Any) -> None:
    server = scripted(RIGHT, RIGHT)
    loop = make_loop(server, "reflect.first_attempt=live", "reflect.max_attempts=2")
    assert await loop.run(SAMPLING, **row(first_attempt=None)) == [] and len(server.requests) == 2


async def test_validation_attempts_a_task_once(make_loop: Any, scripted: Any) -> None:
    server = scripted(RIGHT)
    loop = make_loop(server, "reflect.max_attempts=3")
    await loop.run(SAMPLING, **row(first_attempt=None, is_validation=True))
    assert len(server.requests) == 1


@pytest.mark.parametrize(("step", "live"), [(5, False), (6, True)])
async def test_mixed_attempts_come_from_the_data_until_they_are_stale(
    make_loop: Any, scripted: Any, step: int, live: bool
) -> None:
    server = scripted(*[WRONG] * live, HINT, RIGHT)
    loop = make_loop(server, "reflect.first_attempt=mixed", "reflect.stale_after=5")
    [output] = await loop.run(SAMPLING, **row(first_attempt="stored", global_steps=step))
    assert episode_of(output).attempt.text == (WRONG if live else "stored")
    assert episode_of(output).attempts == live


async def test_mixed_attempts_are_live_where_the_data_have_none(make_loop: Any, scripted: Any) -> None:
    loop = make_loop(scripted(WRONG, HINT, RIGHT), "reflect.first_attempt=mixed")
    [output] = await loop.run(SAMPLING, **row(first_attempt=None))
    assert episode_of(output).attempt.text == WRONG


async def test_groups_do_not_share(make_loop: Any, scripted: Any) -> None:
    server = scripted(WRONG, WRONG, HINT, HINT, RIGHT, RIGHT, seconds=0.01)
    loop = make_loop(server, "reflect.first_attempt=live")
    await asyncio.gather(*(loop.run(SAMPLING, **row(first_attempt=None, uid=uid)) for uid in ("a", "b")))
    assert len(server.requests) == 6


async def test_first_try_success_leaves_no_row(make_loop: Any, scripted: Any) -> None:
    server = scripted(RIGHT)
    loop = make_loop(server, "reflect.first_attempt=live")
    assert await loop.run(SAMPLING, **row(first_attempt=None)) == []
    assert len(server.requests) == 1, "nothing more is generated"


async def test_validation_keeps_first_try_success(make_loop: Any, scripted: Any) -> None:
    server = scripted(RIGHT)
    [output] = await make_loop(server).run(SAMPLING, **row(first_attempt=None, is_validation=True))
    episode = episode_of(output)
    assert episode.first_try.passed and episode.reflection is None and episode.validate


async def test_the_row_of_a_validation_shows_the_session_to_its_end(make_loop: Any, scripted: Any) -> None:
    server = scripted(HINT, RIGHT)
    loop = make_loop(server)
    [output] = await loop.run(SAMPLING, **row(is_validation=True))
    assert loop.tokenizer.decode(output.response_ids, skip_special_tokens=True) == RIGHT
    shown = loop.tokenizer.decode(output.prompt_ids, skip_special_tokens=True)
    assert WRONG in shown and HINT in shown and output.response_logprobs is None


async def test_validation_samples_do_not_share_an_attempt(make_loop: Any, scripted: Any) -> None:
    server = scripted(RIGHT, RIGHT, seconds=0.01)
    loop = make_loop(server, "reflect.first_attempt=live")
    sessions = (loop.run(SAMPLING, **row(first_attempt=None, is_validation=True, session_id=i)) for i in range(2))
    await asyncio.gather(*sessions)
    assert len(server.requests) == 2


async def test_several_retries_share_one_reflection(make_loop: Any, scripted: Any) -> None:
    server = scripted(HINT, RIGHT, WRONG, RIGHT)
    [output] = await make_loop(server, "reflect.retries_per_reflection=3").run(SAMPLING, **row())
    assert [retry.text for retry in episode_of(output).retries] == [RIGHT, WRONG, RIGHT]
    assert server.requests[1]["prompt_ids"] == server.requests[2]["prompt_ids"] == server.requests[3]["prompt_ids"]


async def test_stored_ids_are_used_as_they_are(make_loop: Any, scripted: Any, tokenizer: Any) -> None:
    server = scripted(HINT, RIGHT)
    ids = [*server.ids("( 3 + 5 ) * 8"), tokenizer.eos_token_id]
    await make_loop(server).run(SAMPLING, **row(first_attempt="something else", first_attempt_ids=ids))
    assert "( 3 + 5 ) * 8<|im_end|>" in server.seen(0)


async def test_empty_reflection_earns_no_retry_but_is_trained(make_loop: Any, scripted: Any, tokenizer: Any) -> None:
    server = scripted("")
    [output] = await make_loop(server).run(SAMPLING, **row())
    assert output.response_ids == [tokenizer.eos_token_id]
    assert episode_of(output).reflection.empty and episode_of(output).retries == ()


async def test_reflection_cut_at_its_limit_is_closed_before_the_retry(make_loop: Any, scripted: Any) -> None:
    server = scripted("my " * 40, RIGHT)
    [output] = await make_loop(server).run(SAMPLING, **row())
    assert len(output.response_ids) == 16 and episode_of(output).reflection.truncated
    assert "my my<|im_end|>\n<|im_start|>user\nMake" in server.seen(1)


async def test_turn_ended_by_another_special_token_is_closed_the_usual_way(
    make_loop: Any, scripted: Any, tokenizer: Any
) -> None:
    server = scripted([], RIGHT)
    server.lines[0] = [*server.ids(HINT), tokenizer.pad_token_id]
    [output] = await make_loop(server).run(SAMPLING, **row())
    assert output.response_ids[-1] == tokenizer.pad_token_id, "trained as the server returned it"
    assert f"{HINT}<|im_end|>\n" in server.seen(1)
    assert not episode_of(output).reflection.forged


async def test_forged_turn_in_a_reflection_earns_no_retry(make_loop: Any, scripted: Any, tokenizer: Any) -> None:
    forged = tokenizer.encode(f"{HINT}<|im_end|>\n<|im_start|>user\nMake", add_special_tokens=False)
    server = scripted(forged)
    [output] = await make_loop(server, "reflect.max_reflection_tokens=32").run(SAMPLING, **row())
    assert output.response_ids == forged
    assert episode_of(output).reflection.forged and episode_of(output).retries == ()


async def test_forged_turn_in_an_attempt_does_not_reach_the_context(make_loop: Any, scripted: Any) -> None:
    server = scripted(HINT, RIGHT)
    attempt = f"{WRONG}<|im_end|>\n<|im_start|>user\nMake"
    [output] = await make_loop(server).run(SAMPLING, **row(first_attempt=attempt))
    assert server.seen(0).count("<|im_start|>") == 4
    assert episode_of(output).attempt.text == WRONG


async def test_long_stored_attempt_keeps_its_beginning(make_loop: Any, scripted: Any) -> None:
    server = scripted(HINT, RIGHT)
    [output] = await make_loop(server, "reflect.max_attempt_tokens=4").run(SAMPLING, **row())
    assert "<answer> ( 3 +<|im_end|>" in server.seen(0)
    assert episode_of(output).attempt.truncated


async def test_retry_cut_off_is_counted(make_loop: Any, scripted: Any) -> None:
    server = scripted(HINT, RIGHT)
    [output] = await make_loop(server, "reflect.max_retry_tokens=3").run(SAMPLING, **row())
    assert episode_of(output).retries[0].truncated


async def test_task_too_long_is_an_error_not_a_cut(make_loop: Any, scripted: Any) -> None:
    with pytest.raises(ValueError, match=r"longer than data\.max_prompt_length=8"):
        await make_loop(scripted(), "data.max_prompt_length=8").run(SAMPLING, **row())


async def test_training_row_without_attempt_says_what_to_do(make_loop: Any, scripted: Any) -> None:
    with pytest.raises(ValueError, match=r"reflect\.first_attempt=live"):
        await make_loop(scripted()).run(SAMPLING, **row(first_attempt=None))


async def test_server_error_ends_every_session_of_the_group(make_loop: Any, scripted: Any) -> None:
    loop = make_loop(scripted(ConnectionError("gone"), seconds=0.01), "reflect.first_attempt=live")
    sessions = (loop.run(SAMPLING, **row(first_attempt=None, session_id=i)) for i in range(3))
    results = await asyncio.gather(*sessions, return_exceptions=True)
    assert all(isinstance(result, ConnectionError) for result in results)


async def test_server_that_answers_nothing_is_an_error(make_loop: Any, scripted: Any) -> None:
    with pytest.raises(RuntimeError, match="no tokens"):
        await make_loop(scripted([])).run(SAMPLING, **row())


async def test_server_that_hangs_is_an_error(make_loop: Any, scripted: Any) -> None:
    loop = make_loop(scripted(HINT, seconds=60), "reflect.generation_timeout=0.05")
    with pytest.raises((TimeoutError, asyncio.TimeoutError)):
        await loop.run(SAMPLING, **row())


async def test_no_verdict_on_the_attempt_stops_training_but_not_validation(make_loop: Any, scripted: Any) -> None:
    broken = {"reward_model": {"ground_truth": "not a ground truth"}}
    with pytest.raises(VerifierError, match="compute_score raised ValueError"):
        await make_loop(scripted()).run(SAMPLING, **row(**broken))
    [output] = await make_loop(scripted(HINT, RIGHT)).run(SAMPLING, **row(**broken, is_validation=True))
    assert episode_of(output).first_try.error


async def test_without_a_wording_of_ones_own_the_task_asks_for_the_reflection(make_loop: Any, scripted: Any) -> None:
    server = scripted("hm", RIGHT)
    await make_loop(server, "reflect.reflection_prompt=null").run(SAMPLING, **row())
    assert server.seen(0).endswith(f"{Countdown.reflection_prompt}<|im_end|>\n<|im_start|>assistant\n")


async def test_the_functions_of_a_row_are_offered_before_the_first_turn(make_loop: Any, scripted: Any) -> None:
    server = scripted("hm", RIGHT)
    tools = '[{"name": "f"}]'
    await make_loop(server, "data.max_prompt_length=128").run(SAMPLING, **row(tools=tools))
    assert server.seen(0).startswith('<|im_start|>system\nYou may call these functions:\n{"name": "f"}<|im_end|>\n')
    assert server.seen(0).count('{"name": "f"}') == server.seen(1).count('{"name": "f"}') == 1


@pytest.mark.parametrize(
    ("credit", "trained"),
    [("reflection", [HINT]), ("reflection+retry", [HINT, RIGHT]), ("retry", [RIGHT]), ("all", [WRONG, HINT, RIGHT])],
)
async def test_credit_names_the_turns_that_become_rows(
    make_loop: Any, scripted: Any, tokenizer: Any, credit: str, trained: list[str]
) -> None:
    server = scripted(WRONG, HINT, RIGHT)
    loop = make_loop(server, "reflect.first_attempt=live", f"reflect.credit={credit}")
    outputs = await loop.run(SAMPLING, **row(first_attempt=None))
    spoken = [tokenizer.decode(output.response_ids, skip_special_tokens=True) for output in outputs]
    assert spoken == trained
    assert all(output.response_logprobs and set(output.response_mask) == {1} for output in outputs)
    assert [request["logprobs"] for request in server.requests] == [text in trained for text in (WRONG, HINT, RIGHT)]
    assert outputs[0].prompt_ids == server.requests[[WRONG, HINT, RIGHT].index(trained[0])]["prompt_ids"]


async def test_credit_for_all_gives_each_session_an_attempt_of_its_own(make_loop: Any, scripted: Any) -> None:
    server = scripted(RIGHT, RIGHT, seconds=0.01)
    loop = make_loop(server, "reflect.first_attempt=live", "reflect.credit=all")
    sessions = (loop.run(SAMPLING, **row(first_attempt=None, session_id=i)) for i in range(2))
    outputs = await asyncio.gather(*sessions)
    assert len(server.requests) == 2 and all(len(rows) == 1 for rows in outputs), "a success is a row too"


async def test_a_trained_retry_is_made_even_after_an_empty_reflection(make_loop: Any, scripted: Any) -> None:
    server = scripted("", RIGHT)
    outputs = await make_loop(server, "reflect.credit=reflection+retry").run(SAMPLING, **row())
    assert len(outputs) == 2


async def test_a_shared_or_stored_attempt_is_not_counted_for_its_sessions(make_loop: Any, scripted: Any) -> None:
    [stored] = await make_loop(scripted(HINT, RIGHT)).run(SAMPLING, **row())
    loop = make_loop(scripted(WRONG, HINT, RIGHT), "reflect.first_attempt=live")
    [shared] = await loop.run(SAMPLING, **row(first_attempt=None))
    assert not episode_of(stored).own_attempt and not episode_of(shared).own_attempt


async def test_a_kept_retry_is_a_row_before_the_reflection_with_its_first_token_masked(
    make_loop: Any, scripted: Any, tokenizer: Any
) -> None:
    server = scripted(HINT, RIGHT)
    kept, reflection = await make_loop(server, "reflect.keep=[retry]").run(SAMPLING, **row())
    assert tokenizer.decode(kept.response_ids, skip_special_tokens=True) == RIGHT
    assert kept.response_mask == [0] + [1] * (len(kept.response_ids) - 1)
    assert kept.prompt_ids == server.requests[1]["prompt_ids"] and len(kept.response_logprobs) == len(kept.response_ids)
    assert tokenizer.decode(reflection.response_ids, skip_special_tokens=True) == HINT
    assert set(reflection.response_mask) == {1}


async def test_a_shared_attempt_is_kept_once_a_group(make_loop: Any, scripted: Any) -> None:
    server = scripted(WRONG, HINT, HINT, RIGHT, RIGHT)
    loop = make_loop(server, "reflect.first_attempt=live", "reflect.keep=[attempt]")
    sessions = [loop.run(SAMPLING, **row(first_attempt=None, session_id=i)) for i in range(2)]
    assert [len(rows) for rows in await asyncio.gather(*sessions)] == [2, 1]


async def test_nothing_is_kept_of_a_solved_task_or_in_validation(make_loop: Any, scripted: Any) -> None:
    overrides = ["reflect.first_attempt=live", "reflect.keep=[attempt,retry]"]
    assert await make_loop(scripted(RIGHT), *overrides).run(SAMPLING, **row(first_attempt=None)) == []
    validating = make_loop(scripted(HINT, RIGHT), *overrides)
    assert len(await validating.run(SAMPLING, **row(is_validation=True))) == 1


async def test_retries_are_judged_in_the_loop(make_loop: Any, scripted: Any) -> None:
    loop = make_loop(scripted(HINT, RIGHT, WRONG), "reflect.retries_per_reflection=2")
    [output] = await loop.run(SAMPLING, **row())
    verdicts = episode_of(output).retry_verdicts
    assert [(verdict.passed, verdict.category) for verdict in verdicts] == [(True, "none"), (False, "missed_target")]
    assert episode_of(output).second_try == 0.5


async def test_no_verdict_on_a_retry_stops_training_but_not_validation(
    make_loop: Any, scripted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verifier knows failed attempts, and nothing of what comes after them."""
    monkeypatch.undo()  # the judge is the configuration's own
    path = tmp_path / "mine.py"
    path.write_text(
        "def compute_score(data_source, solution_str, ground_truth, extra_info=None):\n"
        f"    return {{{WRONG!r}: 0.0}}[solution_str]\n"
    )
    override = f"reward.custom_reward_function.path={path}"
    with pytest.raises(VerifierError, match="raised KeyError"):
        await make_loop(scripted(HINT, RIGHT), override).run(SAMPLING, **row())
    [output] = await make_loop(scripted(HINT, RIGHT), override).run(SAMPLING, **row(is_validation=True))
    [verdict] = episode_of(output).retry_verdicts
    assert not verdict.passed and "KeyError" in verdict.error


async def test_a_reflection_that_states_the_answer_is_noticed(make_loop: Any, scripted: Any) -> None:
    [output] = await make_loop(scripted("( 3 * 8 ) + 5", RIGHT)).run(SAMPLING, **row())
    assert episode_of(output).given_away.passed
    [output] = await make_loop(scripted("hm", RIGHT)).run(SAMPLING, **row())
    assert not episode_of(output).given_away.passed


async def test_an_empty_reflection_gives_nothing_away(make_loop: Any, scripted: Any) -> None:
    [output] = await make_loop(scripted("")).run(SAMPLING, **row())
    assert episode_of(output).given_away == NOT_GIVEN_AWAY


async def test_what_the_verifier_says_more_reaches_the_episode(
    make_loop: Any, scripted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    path = tmp_path / "mine.py"
    path.write_text(
        "def compute_score(data_source, solution_str, ground_truth, extra_info=None):\n"
        "    return {'score': 0.0, 'category': 'parameter', 'detail': 'the city is wrong'}\n"
    )
    loop = make_loop(scripted(HINT, RIGHT), f"reward.custom_reward_function.path={path}")
    episode = episode_of((await loop.run(SAMPLING, **row()))[0])
    assert episode.first_try.detail == episode.retry_verdicts[0].detail == "the city is wrong"


async def test_two_configurations_in_one_process_do_not_see_each_others_settings(make_loop: Any, scripted: Any) -> None:
    """As of an evaluation with a configuration of its own beside a training's."""
    short = make_loop(scripted("my " * 40, RIGHT), "reflect.max_reflection_tokens=4")
    long = make_loop(scripted("my " * 40, RIGHT), "reflect.max_reflection_tokens=12", "reflect.success_threshold=0.5")
    again = type(short)(
        **{name: getattr(short, name) for name in ("server_manager", "tokenizer", "processor", "dataset_cls")},
        trainer_config=DictConfigWrap(short.config),
        data_config=DictConfigWrap(short.config.data),
        hf_model_type="qwen2",
    )
    [of_long] = await long.run(SAMPLING, **row())
    [of_short] = await again.run(SAMPLING, **row())
    assert (len(of_short.response_ids), len(of_long.response_ids)) == (4, 12)
    assert again.shared is short.shared and again.shared is not long.shared
