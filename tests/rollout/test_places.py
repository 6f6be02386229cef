"""Who is trained: the first failures in the order of dispatch, whoever is quick."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verl_reflect.rollout.places import Places


def test_places_are_given_in_the_order_of_dispatch() -> None:
    places = Places(2)
    places.dispatched(["a", "b", "c"])
    assert [places.has(group) for group in "abc"] == [True, True, False]
    assert (places.holders, places.vacant) == (("a", "b"), 0)


def test_who_gives_up_makes_room_for_the_next_in_line() -> None:
    places = Places(2)
    places.dispatched(["a", "b", "c", "d"])
    places.give_up("c")  # before it had a place
    places.give_up("a")
    assert places.holders == ("b", "d")


def test_giving_up_twice_gives_one_place() -> None:
    places = Places(1)
    places.dispatched(["a", "b", "c"])
    places.give_up("a")
    places.give_up("a")
    assert places.holders == ("b",)


def test_places_for_which_there_is_nobody_are_vacant_until_more_are_dispatched() -> None:
    places = Places(2)
    places.dispatched(["a"])
    assert places.vacant == 1
    places.give_up("a")
    assert places.vacant == 2
    places.dispatched(["b", "c", "d"])
    assert places.holders == ("b", "c")


@pytest.mark.parametrize("losses", [False, True])
@given(data=st.data())
def test_any_order_of_arrival_chooses_the_same(losses: bool, data: st.DataObject) -> None:
    """Each group ends as failed, passed or (when it reflects) lost, in any order, and more come whenever it likes."""
    fates = data.draw(st.lists(st.sampled_from(["failed", "passed", *["lost"] * losses]), max_size=40))
    count = data.draw(st.integers(1, 12))
    waves = sorted(data.draw(st.lists(st.integers(0, len(fates)), max_size=4)))
    arrivals = data.draw(st.permutations(range(len(fates))))
    groups, moments = [str(number) for number in range(len(fates))], iter([*waves, len(fates)])
    places, reflecting, sent = Places(count), set[int](), 0
    for moment, arrived in enumerate([0, *arrivals] if fates else []):
        while sent <= arrived or (sent < len(groups) and data.draw(st.booleans())):
            end = max(sent + 1, next(moments, len(groups)))
            places.dispatched(groups[sent:end])
            sent = end
        if moment and fates[arrived] == "passed":
            places.give_up(groups[arrived])
        let_in(places, [number for number in arrivals[:moment] if fates[number] != "passed"], fates, reflecting)
    failed = (number for number, fate in enumerate(fates) if fate == "failed")
    chosen = list(islice(failed, count))
    assert [int(group) for group in places.holders] == chosen
    assert {number for number in reflecting if fates[number] == "failed"} == set(chosen), "nobody reflects for nothing"


def let_in(places: Places, arrived: list[int], fates: list[str], reflecting: set[int]) -> None:
    """Those that have a place reflect, and some are lost by it, which lets others in."""
    while entering := [number for number in arrived if places.has(str(number)) and number not in reflecting]:
        reflecting.update(entering)
        for number in entering:
            if fates[number] == "lost":
                places.give_up(str(number))
