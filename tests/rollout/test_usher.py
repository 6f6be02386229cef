"""Who goes on, as agent loops are told, and what the trainer is told of it. End to end it is an actor."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from builders import WRONG, row
from ray.exceptions import RayActorError

from verl_reflect.rollout import usher as our_usher
from verl_reflect.rollout.places import Attempt
from verl_reflect.rollout.usher import RunningUsher, Usher, UsherLostError

FAILED, PASSED = Attempt(False, 1, 10), Attempt(True, 2, 20)


async def usher_of(places: int, *groups: str) -> Usher:
    usher = Usher(places)
    await usher.dispatched(groups)
    return usher


async def test_a_group_with_a_place_goes_on_at_once_and_one_that_passed_does_not() -> None:
    usher = await usher_of(2, "a", "b")
    assert await usher.attempted("a", FAILED) is True
    assert await usher.attempted("b", PASSED) is False


async def test_one_without_a_place_waits_until_an_earlier_one_passes() -> None:
    usher = await usher_of(1, "a", "b", "c")
    c, b = (asyncio.create_task(usher.attempted(group, FAILED)) for group in "cb")
    await asyncio.sleep(0)
    assert not b.done() and not c.done()
    await usher.attempted("a", PASSED)
    assert await b is True and not c.done()
    await usher.release()
    assert await c is False


async def test_a_lost_group_makes_room_and_late_ones_end_when_the_batch_is_full() -> None:
    usher = await usher_of(1, "a", "b", "c")
    assert await usher.attempted("a", FAILED)
    b = asyncio.create_task(usher.attempted("b", FAILED))
    await asyncio.sleep(0)
    standing = await usher.standing(["a"], [])
    assert await b is True and standing.holders == ("b",) and standing.vacant == 0
    await usher.release()
    assert await usher.attempted("c", FAILED) is False


async def test_it_says_how_the_step_stands() -> None:
    usher = await usher_of(2, "a", "b", "c")
    await usher.attempted("a", PASSED)
    await usher.attempted("b", PASSED)
    standing = await usher.standing([], ["a", "c"])
    assert (standing.holders, standing.vacant, standing.attempts) == (("c",), 1, {"a": PASSED})
    tally = standing.tally
    assert (tally.dispatched, tally.attempted, tally.passed, tally.longest_chain) == (3, 2, 2, 2)


async def test_a_chain_is_as_long_as_attempts_had_to_wait_for_others() -> None:
    usher = await usher_of(1, "a", "b")
    await usher.attempted("a", PASSED)  # 2 attempts
    await usher.dispatched(["c"])  # nobody's place: beside the others
    await usher.attempted("c", PASSED)
    await usher.attempted("b", PASSED)
    assert (await usher.standing([], [])).tally.longest_chain == 2
    await usher.dispatched(["d"])  # called for, because all of them passed
    await usher.attempted("d", FAILED)
    assert (await usher.standing([], [])).tally.longest_chain == 3


async def test_the_next_step_knows_nothing_of_this_one() -> None:
    usher = await usher_of(1, "a")
    await usher.attempted("a", FAILED)
    await usher.release()
    await usher.end_step()
    await usher.dispatched(["b"])
    standing = await usher.standing([], ["a"])
    assert (standing.holders, standing.attempts, standing.tally.attempted) == (("b",), {}, 0)
    assert await usher.attempted("b", FAILED) is True


async def test_a_line_that_goes_on_moves_up_when_its_head_is_trained() -> None:
    usher = await usher_of(2, *"abcde")
    for group in "ab":
        assert await usher.attempted(group, FAILED)
    c = asyncio.create_task(usher.attempted("c", FAILED))
    await asyncio.sleep(0)
    standing = await usher.standing([], [])
    assert (standing.failures, standing.undecided, standing.vacant) == (3, 2, 0) and not c.done()
    await usher.trained(["a"])
    assert await c is True
    standing = await usher.standing([], [])
    assert standing.holders == ("b", "c") and (standing.failures, standing.undecided) == (2, 2)
    assert standing.tally.attempted == 0, "what is counted begins anew with each step"


def test_a_dead_usher_ends_the_run_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def dead(answer: Any) -> None:
        raise RayActorError()

    actor = SimpleNamespace(release=SimpleNamespace(remote=lambda: None))
    options = SimpleNamespace(options=lambda **_: SimpleNamespace(remote=lambda places: actor))
    monkeypatch.setattr(our_usher, "ray", SimpleNamespace(remote=lambda cls: options, get=dead))
    with pytest.raises(UsherLostError, match=r"has died .* start the run again"):
        RunningUsher(2).release()


class Answers:
    """An usher who says the same to everybody."""

    def __init__(self, goes_on: bool):
        self.goes_on = goes_on
        self.asked: list[tuple[str, Attempt]] = []
        self.attempted = SimpleNamespace(remote=self._attempted)

    async def _attempted(self, group: str, attempt: Attempt) -> bool:
        self.asked.append((group, attempt))
        return self.goes_on


@pytest.mark.parametrize("goes_on", [True, False])
async def test_a_group_asks_once_and_one_without_a_place_ends_after_its_attempt(
    make_loop: Any, scripted: Any, monkeypatch: pytest.MonkeyPatch, goes_on: bool
) -> None:
    usher = Answers(goes_on)
    monkeypatch.setattr(ray, "get_actor", lambda name: {"the usher": usher}[name])
    server = scripted(WRONG, *["hm"] * 2, *[WRONG] * 2)
    loop = make_loop(server, "reflect.first_attempt=live")
    sessions = (loop.run({}, **row(first_attempt=None, usher="the usher", session_id=i)) for i in range(2))
    outputs = await asyncio.gather(*sessions)
    assert [len(rows) for rows in outputs] == [int(goes_on)] * 2
    assert len(server.requests) == (5 if goes_on else 1)
    [(group, attempt)] = usher.asked
    assert group == "uid" and not attempt.passed and attempt.made == 1 and attempt.tokens > 0


@pytest.mark.parametrize("changes", [{"is_validation": True}, {"credit": "all"}])
async def test_validation_and_sessions_with_attempts_of_their_own_do_not_ask(
    make_loop: Any, scripted: Any, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    monkeypatch.setattr(ray, "get_actor", {}.__getitem__)
    credit = changes.pop("credit", "reflection")
    loop = make_loop(scripted(WRONG, "hm", WRONG), "reflect.first_attempt=live", f"reflect.credit={credit}")
    assert await loop.run({}, **row(first_attempt=None, usher="the usher", **changes))
